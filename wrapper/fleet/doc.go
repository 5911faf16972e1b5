// Package fleet keeps the mirror of many users up to date.
package fleet
