// Package mirrortest tests package mirror on SQLite and PostgreSQL. It is a module of its own, so that users of package
// mirror do not get the drivers.
//
// The tests start a PostgreSQL server on a loopback port if its programs are installed (apt-get install postgresql). As root
// they run it as a user without privileges. POSTGRES_TESTS=required makes them fail without PostgreSQL. POSTGRES_URL names a
// server to use instead.
//
//	go test .                                                           # the short form, for every change
//	go test -run TestChaos -timeout 12h . -seeds 8 -days 30 -users 5    # the long form of the chaos test (make mirror-chaos)
//	go test -run TestChaos/sqlite/seed=7$ . -seed 7 -v                  # one seed
//	go test -run TestErase -timeout 2h . -erasures 1000
//	go test -run TestPlantedErrors -timeout 1h -v . -planted            # wrong methods, which the chaos test must catch
//	go test -run '^$' -bench . -benchtime 1x . -load-users 1000 -feed-rows 10000000
//	go run ./spending                                                   # the demonstration
package mirrortest
