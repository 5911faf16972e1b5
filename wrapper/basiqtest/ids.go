package basiqtest

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// newID returns a random UUID, version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return formatID(b, 4)
}

// derivedID returns the UUID, version 8, that the name has in the namespace: the same one every time.
func derivedID(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "\x00" + name))
	return formatID([16]byte(sum[:16]), 8)
}

func formatID(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
