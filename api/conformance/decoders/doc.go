// Package decoders compares the decoders of JSON that this library could use, on the answers that it reads: how fast they
// are, what they allocate, and what they make of malformed and odd input. It has tests and benchmarks only.
//
// What is compared without further dependencies runs in the gate. The decoders of others take as long to compile as
// everything else here together, and are there with the build tag rivals alone:
//
//	go test -tags rivals -run '^$' -bench . -benchmem -count 10 . | tee all.txt
//	benchstat -col /by -row /answer all.txt
//	go test -tags rivals -run Rivals . -update
//
// The last writes testdata/rivals.tsv again: where each of them differs from encoding/json.
package decoders
