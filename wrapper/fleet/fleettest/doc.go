// Package fleettest tests several processes that share one PostgreSQL and one sandbox, as the machines of a fleet do.
//
// The tests start a PostgreSQL server on a loopback port if its programs are installed (apt-get install postgresql). As root
// they run it as the user postgres or nobody. POSTGRES_TESTS=required makes them fail without PostgreSQL.
//
//	go test .                                               # the short form, for every change
//	go test -run TestShared -v . -users 2000 -rounds 4      # the long form
package fleettest
