//go:build race

package basiq_test

// raceDetector says whether the tests run with the race detector, which makes them many times slower.
const raceDetector = true
