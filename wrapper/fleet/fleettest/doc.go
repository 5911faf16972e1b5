// Package fleettest tests several processes that share one PostgreSQL and one sandbox, as the machines of a fleet do.
//
// The tests start a PostgreSQL server on a loopback port if its programs are installed (apt-get install postgresql). As root
// they run it as a user without privileges. POSTGRES_TESTS=required makes them fail without PostgreSQL.
//
//	go test .                                               # the short form, for every change
//	go test -v . -users 2000 -rounds 4 -kills               # the long form: processes are killed and lose their database
//	go test -run TestFleet_ -v . -kills                     # PostgreSQL restarts, the network is cut, the disk is full
//
// Without -kills no process of a fleet is killed, because its jobs run again only after the timeout of a job and a minute.
package fleettest
