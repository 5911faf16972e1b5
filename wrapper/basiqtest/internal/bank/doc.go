// Package bank provides the data of the sandbox: test banks, their customers and the customers' accounts and
// transactions. It is independent of HTTP, Basiq users and connections.
//
// All data is derived from a seed and the calendar. The same seed always produces the same data, regardless of the day
// it is read. The data of a past day never changes.
package bank
