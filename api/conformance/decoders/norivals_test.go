//go:build !rivals

package decoders

var rivals []candidate
