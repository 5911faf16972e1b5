package basiqtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
)

// newRandom returns the source of the sandbox's IDs, keys and random faults, seeded with seed.
func newRandom(seed uint64) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.New(rand.NewChaCha8(key)) //nolint:gosec // deterministic by design
}

// newID returns a random version 4 UUID. The sandbox must be locked.
func (s *Sandbox) newID() string {
	return formatID([16]byte(s.randomBytes(2)))
}

// randomBytes returns 8*words random bytes. The sandbox must be locked.
func (s *Sandbox) randomBytes(words int) []byte {
	drawn := make([]byte, 0, 8*words)
	for range words {
		drawn = binary.LittleEndian.AppendUint64(drawn, s.random.Uint64())
	}
	return drawn
}

// derivedID returns a UUID derived from a namespace and a name. It is deterministic.
func derivedID(namespace, name string) string {
	sum := digest(namespace, name)
	return formatID([16]byte(sum[:16]))
}

func digest(namespace, name string) [sha256.Size]byte {
	return sha256.Sum256([]byte(namespace + "\x00" + name))
}

// newEventID returns the ID of an event: 64 hexadecimal digits, as in recorded webhook messages.
func (s *Sandbox) newEventID() string { return hex.EncodeToString(s.randomBytes(4)) }

// derivedEventID returns an event ID derived from a namespace and a name.
func derivedEventID(namespace, name string) string {
	sum := digest(namespace, name)
	return hex.EncodeToString(sum[:])
}

// eventIDFormat matches event IDs. It also accepts UUIDs, as in the documented examples.
var eventIDFormat = regexp.MustCompile(`^[0-9a-f]{64}$|` + idFormat.String())

// formatID formats b as a version 4 UUID, like all of Basiq's IDs.
func formatID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// idFormat matches the sandbox's IDs. A malformed ID is an invalid value; an unknown one is not found.
var idFormat = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
