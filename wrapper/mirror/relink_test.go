package mirror_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

func TestSameAccount(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"062000 12345678", "062000-12345678", true},
		{"062000 12345678", "062000 12345679", false},
		{"", "", false},
		{"5678", "5678", false},
		{"xxxx 345678", "xxxx 345678", false},
		{"●●●● 345678", "●●●● 345678", false},
		{"????345678", "????345678", false},
		{"…345678", "…345678", false},
	} {
		assert.Equal(t, test.same, mirror.SameAccount(&basiq.Account{AccountNo: test.a}, &basiq.Account{AccountNo: test.b}), test.a)
	}
	assert.True(t, mirror.SameAccount(&basiq.Account{AccountNo: "12345678", BSB: "062-000"}, &basiq.Account{AccountNo: "062000 12345678"}))
	assert.False(t, mirror.SameAccount(&basiq.Account{AccountNo: "12345678", Currency: "AUD"}, &basiq.Account{AccountNo: "12345678", Currency: "NZD"}))
}
