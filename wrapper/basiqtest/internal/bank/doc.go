// Package bank is the world behind the sandbox: test banks, the people who bank there, and the books that their banks
// keep. It knows nothing of HTTP, users or connections.
//
// All of it follows from a seed and the calendar: the same seed has the same books every time, on whatever day they are
// read, and a day that has passed never changes.
package bank
