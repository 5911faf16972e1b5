// Package basiq is under construction.
package basiq
