package sqldb_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
)

// The statements are executed by the tests of package mirror and of the fleet, which have database drivers.

func TestDialect_Bind(t *testing.T) {
	t.Parallel()
	const query = `SELECT a FROM b WHERE c = ? AND d IN (?,?)`
	assert.Equal(t, query, sqldb.SQLite.Bind(query))
	assert.Equal(t, `SELECT a FROM b WHERE c = $1 AND d IN ($2,$3)`, sqldb.PostgreSQL.Bind(query))
	assert.Equal(t, `SELECT 1`, sqldb.PostgreSQL.Bind(`SELECT 1`))
}

func TestDialect_Statements(t *testing.T) {
	t.Parallel()
	const migration = "CREATE TABLE a (\n\tday DAY,\n\tamount MONEY\n) CLUSTERED;\n\nCREATE INDEX b ON a (day);\n"
	assert.Equal(t, []string{"CREATE TABLE a (\n\tday TEXT,\n\tamount TEXT\n) WITHOUT ROWID", "CREATE INDEX b ON a (day)"}, sqldb.SQLite.Statements(migration))
	assert.Equal(t, []string{"CREATE TABLE a (\n\tday DATE,\n\tamount NUMERIC\n)", "CREATE INDEX b ON a (day)"}, sqldb.PostgreSQL.Statements(migration))
	assert.Nil(t, sqldb.Dialect("mysql").Statements(migration))
	assert.False(t, sqldb.Dialect("mysql").Valid())
}

// A statement of each size is cached by drivers, so there must be few sizes.
func TestParts(t *testing.T) {
	t.Parallel()
	sizes := map[int]bool{}
	for n := range 1100 {
		list := make([]string, n)
		for i := range list {
			list[i] = string(rune(i))
		}
		var all []string
		for part := range sqldb.Parts(list) {
			sizes[len(part)] = true
			all = append(all, part...)
		}
		assert.True(t, slices.Equal(list, all), n)
	}
	assert.Len(t, sizes, 9) // 1, 2, 4, ... 256
	for part := range sqldb.Parts([]string{"a", "b", "c"}) {
		assert.Equal(t, []string{"a", "b"}, part)
		break
	}
}

func TestIn(t *testing.T) {
	t.Parallel()
	condition, args := sqldb.In([]string{"a", "b"})
	assert.Equal(t, " IN (?,?)", condition)
	assert.Equal(t, []any{"a", "b"}, args)
}
