package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"Transaction", "A credit to or debit from an account.", "Transaction is a credit to or debit from an account."},
		{"Account", "An account.", "Account is an account."},
		{"Expenses", "A summary of expenses.", "Expenses is a summary of expenses."},
		{"Amount", "The amount, as a decimal.", "Amount is the amount, as a decimal."},
		{"Address", "The address of the branch.", "Address is the address of the branch."},
		{"AgeDays", "The number of days.", "AgeDays is the number of days."},
		{"Fees", "The fees.", "Fees are the fees."},
		{"Links", "The URLs of a user.", "Links are the URLs of a user."},
		{"Data", "The user's accounts; empty if there are none.", "Data holds the user's accounts; empty if there are none."},
		{"Type", "Always `list`.", "Type is always `list`."},
		{"IsOwned", "Whether the user is an owner.", "IsOwned reports whether the user is an owner."},
		{"Codes", "Holds the codes.", "Codes holds the codes."},
		{"Codes", "What is wrong.", ""},
		{"Codes", "Codes.", ""},
	} {
		got, ok := describe(tc.name, tc.text)
		assert.Equal(t, tc.want, got)
		assert.Equal(t, tc.want != "", ok)
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"GetUsers", "List the users.", "GetUsers lists the users."},
		{"Search", "Search for merchants.", "Search searches for merchants."},
		{"Refresh", "Refresh a connection.", "Refresh refreshes a connection."},
		{"Verify", "Verify a balance.", "Verify verifies a balance."},
		{"Get", "Users.", ""},
	} {
		got, ok := summarize(tc.name, tc.text)
		assert.Equal(t, tc.want, got)
		assert.Equal(t, tc.want != "", ok)
	}
}

const source = `package gen

// A A letter.
type A struct {
	// B The second letter.
	// It follows the first.
	B string

	// c stays.
	C string // C The third letter.

	D string
}

// I defines an interface.
type I interface {
	// Get Retrieve a letter.
	//
	// The alphabet has more.
	Get()
}

// Get Retrieve a letter.
func (A) Get() {}
`

func TestRewrite(t *testing.T) {
	t.Parallel()
	const want = `package gen

// A is a letter.
type A struct {
	// B is the second letter.
	// It follows the first.
	B string

	// c stays.
	C string // C The third letter.

	D string
}

// I defines an interface.
type I interface {
	// Get retrieves a letter.
	//
	// The alphabet has more.
	Get()
}

// Get retrieves a letter.
func (A) Get() {}
`
	file := filepath.Join(t.TempDir(), "a.go")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	for range 2 { // The second run does not change the file.
		require.NoError(t, rewriteFile(file))
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

func TestRewrite_Errors(t *testing.T) {
	t.Parallel()
	_, err := rewrite("a.go", []byte("package a\n\n// A What it is.\ntype A struct {\n\t// B Where it is.\n\tB string\n}\n"))
	require.EqualError(t, err, "a.go:3:1: description does not make a sentence: A What it is.\n"+
		"a.go:5:2: description does not make a sentence: B Where it is.")
	_, err = rewrite("a.go", []byte("package"))
	require.Error(t, err)
	require.Error(t, rewriteFile(filepath.Join(t.TempDir(), "missing.go")))
}
