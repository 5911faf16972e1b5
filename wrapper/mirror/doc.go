// Package mirror keeps a copy of Basiq's data in your own database.
package mirror
