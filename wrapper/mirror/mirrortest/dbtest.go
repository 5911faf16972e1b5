// Package mirrortest tests package mirror on SQLite and PostgreSQL. It is a module of its own, so that users of package
// mirror do not get the drivers.
package mirrortest
