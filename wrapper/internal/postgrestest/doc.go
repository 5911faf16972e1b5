// Package postgrestest starts a PostgreSQL server for the tests of the nested modules, on Linux.
package postgrestest
