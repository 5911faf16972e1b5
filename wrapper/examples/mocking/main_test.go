package main

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// fakeAccounts implements accountLister. It returns the accounts, and then the error if there is one.
type fakeAccounts struct {
	accounts []*basiq.Account
	err      error
}

func (f fakeAccounts) List(context.Context, string, ...basiq.AccountListOptions) iter.Seq2[*basiq.Account, error] {
	return func(yield func(*basiq.Account, error) bool) {
		for _, account := range f.accounts {
			if !yield(account, nil) {
				return
			}
		}
		if f.err != nil {
			yield(nil, f.err)
		}
	}
}

func TestAccountNames(t *testing.T) {
	t.Parallel()
	everyday, savings := &basiq.Account{ID: "a1", Name: "Everyday"}, &basiq.Account{ID: "a2", DisplayName: "Savings"}
	notFound := &basiq.Error{StatusCode: 404}
	for _, tc := range []struct {
		name string
		fake fakeAccounts
		want []string
		err  error
	}{
		{"two accounts", fakeAccounts{accounts: []*basiq.Account{everyday, savings}}, []string{"Everyday", "Savings"}, nil},
		{"no accounts", fakeAccounts{}, nil, errNoAccounts},
		{"error after an account", fakeAccounts{accounts: []*basiq.Account{everyday}, err: notFound}, nil, basiq.ErrNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			names, err := accountNames(t.Context(), tc.fake, "u1")
			require.ErrorIs(t, err, tc.err)
			assert.Equal(t, tc.want, names)
		})
	}
}
