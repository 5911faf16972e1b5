//go:build race

package basiq_test

// raceDetector reports whether the tests run with the race detector, which makes them much slower.
const raceDetector = true
