package basiqtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
)

// newRandom returns the source of all that a sandbox draws: ids, keys, odds. The same seed draws the same.
func newRandom(seed uint64) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.New(rand.NewChaCha8(key)) //nolint:gosec // It must be foreseeable: that is what the seed is for.
}

// newID returns a UUID, version 4, drawn from the sandbox's seed. The sandbox must be locked.
func (s *Sandbox) newID() string {
	return formatID([16]byte(s.randomBytes(2)))
}

// draw draws bytes from the sandbox's seed, eight for each word. The sandbox must be locked.
func (s *Sandbox) randomBytes(words int) []byte {
	drawn := make([]byte, 0, 8*words)
	for range words {
		drawn = binary.LittleEndian.AppendUint64(drawn, s.random.Uint64())
	}
	return drawn
}

// derivedID returns the UUID that the name has in the namespace: the same one every time.
func derivedID(namespace, name string) string {
	sum := digest(namespace, name)
	return formatID([16]byte(sum[:16]))
}

func digest(namespace, name string) [sha256.Size]byte {
	return sha256.Sum256([]byte(namespace + "\x00" + name))
}

// newEventID returns the ID of an event: 64 hexadecimal digits, as in recorded webhook messages.
func (s *Sandbox) newEventID() string { return hex.EncodeToString(s.randomBytes(4)) }

// derivedEventID returns the event ID of a name, the same one every time.
func derivedEventID(namespace, name string) string {
	sum := digest(namespace, name)
	return hex.EncodeToString(sum[:])
}

// eventIDFormat is the form of event IDs. The examples in the documents have UUIDs.
var eventIDFormat = regexp.MustCompile(`^[0-9a-f]{64}$|` + idFormat.String())

// formatID writes a UUID as one of version 4, as all of Basiq's are.
func formatID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// idFormat is the form of the sandbox's ids. What cannot be one is a value that is not valid; what could be is not found.
var idFormat = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
