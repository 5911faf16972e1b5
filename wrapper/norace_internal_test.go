//go:build !race

package basiq

const raceEnabled = false
