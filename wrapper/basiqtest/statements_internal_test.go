package basiqtest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// All banks that accept statements accept both formats. The error for an unsupported format is the documented example.
func TestStatements_UnsupportedFormat(t *testing.T) {
	t.Parallel()
	up := &upload{name: "a.csv", content: []byte("accountNo\n")}
	_, statement, err := readStatement(up, &bank.Bank{Statements: []string{"pdf"}}, time.Now())
	require.NoError(t, err)
	assert.Equal(t, "bank-statement-not-supported", statement.failure.code)
	assert.Equal(t, "Statement not supported.", statement.failure.title)
}

// Every uploaded file results in an error response, a failed job, or a readable list.
func FuzzReadCSV(f *testing.F) {
	header := "accountNo,name,currency,lastUpdated,date,description,amount,balance,status\n"
	for _, rows := range []string{
		"1,N,AUD,1999-12-31,1999-12-01,SHOP,-1.00,5.00,\n1,N,AUD,1999-12-31,1999-12-02,SHOP,-1,4,pending\n",
		"1,N,AUD,1999-12-31,1999-12-02,\"A \"\"B\"\"\",-1,4,\n2,N,USD,1999-12-31,1999-12-02,X,9999999999999.99,-0,\n",
		"1,N,AUD,1999-12-31,2000-01-01,SHOP,1,1,\n", "1\n", "\"", "",
	} {
		f.Add([]byte(header + rows))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		statement, err := readCSV(content)
		if err != nil {
			require.Nil(t, statement)
			return
		}
		if statement.failure != nil {
			return
		}
		require.NotEmpty(t, statement.accounts)
		for _, a := range statement.list() {
			lines := statement.transactions(a.Key)
			require.NotEmpty(t, lines)
			for i, l := range lines {
				require.NotNil(t, l.Category)
				if i > 0 && !l.Pending() && !lines[i-1].Pending() {
					require.False(t, l.Posted.After(lines[i-1].Posted))
				}
			}
		}
	})
}

func FuzzJSONWriter(f *testing.F) {
	for _, text := range []string{"", "plain", `"`, `\\`, "\x00", "\xff", "é", "<&>", "\u2028"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w jsonWriter
		w.begin()
		w.text("a", text)
		w.number("b", 1)
		w.textOrNull("c", nil)
		w.textOrNull("d", &text)
		w.end()
		want, err := json.Marshal(map[string]any{"a": text, "b": 1, "c": nil, "d": text})
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(w.buf))
	})
}
