package bank

import (
	"fmt"
	"hash/fnv"
	"strconv"
)

// hash returns a hash of the parts, each terminated by a zero byte.
func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return mix(h.Sum64(), 0)
}

// mix combines a hash with a number, using SplitMix64. Results for consecutive numbers are unrelated.
func mix(h, n uint64) uint64 {
	h += (n + 1) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// key formats a hash as a transaction key.
func key(h uint64) string {
	const hex = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = hex[h>>(60-4*i)&15]
	}
	return string(b[:])
}

// digits returns n decimal digits of a hash, at most 18.
func digits(h uint64, n int) string {
	s := strconv.FormatUint(h, 10)
	return ("000000000000000000" + s)[len(s)+18-n:]
}

// uuid returns an identifier in UUID format derived from a hash.
func uuid(h uint64) string {
	a, b := mix(h, 1), mix(h, 2)
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

// abn returns a valid Australian Business Number derived from a hash: two check digits (modulo 89) and nine digits.
func abn(h uint64) string {
	body := digits(h, 9)
	sum := 0
	for i, weight := range []int{3, 5, 7, 9, 11, 13, 15, 17, 19} {
		sum += weight * int(body[i]-'0')
	}
	// The check digits have the weights 10 and 1, and 1 is subtracted from the first digit before weighting.
	return strconv.Itoa(89-sum%89+10) + body
}
