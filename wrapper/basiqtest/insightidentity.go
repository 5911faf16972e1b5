package basiqtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/basiq-go/basiq-go/gen"
)

// unmarshalBody decodes a JSON object. Unlike [json.Unmarshal], it rejects null.
func unmarshalBody(body []byte, v any) error {
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return errors.New("null")
	}
	return json.Unmarshal(body, v)
}

// The formats of the fields of an identity verification. The check is documented; the formats are not.
var (
	phoneForm = regexp.MustCompile(`^\+?[0-9][0-9 ()-]{5,18}$`)
	nameForm  = regexp.MustCompile(`^[\p{L}\p{M}0-9 .,'’&()-]+$`)
)

// believed holds an institution's data about a user, normalized for comparison.
type believed struct{ names, phones, emails, addresses []string }

func (s *Sandbox) readIdentityVerification(body []byte) (verification, error) {
	var want gen.VerifyIdentity
	if unmarshalBody(body, &want) != nil {
		return nil, invalidContent("insight")
	}
	for _, field := range []struct {
		name, value string
		form        *regexp.Regexp
	}{{"name", want.Name, nameForm}, {"phone", want.Phone, phoneForm}, {"email", want.Email, emailFormat}} {
		if field.value != "" && !field.form.MatchString(field.value) {
			return nil, notValid("Provided "+field.name+" is in bad format.", fromPointer(field.name, field.name))
		}
	}
	return func(u *user, now time.Time) []object {
		known := u.believed(now)
		result := object{}
		if want.Name != "" {
			result["name"] = compareAny(want.Name, known.names, foldText)
		}
		if want.Phone != "" {
			result["phones"] = []object{compareAny(want.Phone, known.phones, foldPhone)}
		}
		if want.Email != "" {
			result["emails"] = []object{compareAny(want.Email, known.emails, strings.ToLower)}
		}
		if want.Address != "" {
			result["addresses"] = []object{compareAny(want.Address, known.addresses, foldText)}
		}
		return []object{result}
	}, nil
}

// believed returns the data of the user's institutions. It omits masked phone numbers.
func (u *user) believed(now time.Time) believed {
	var all believed
	for _, conn := range u.connections {
		who := conn.person()
		if who == nil || conn.stateAt(now).fetched.IsZero() {
			continue
		}
		if who.Business != nil {
			all.names = append(all.names, who.Business.Name, who.Business.LegalName)
			continue
		}
		p := &who.Profile
		all.names = append(all.names, p.First+" "+p.Last, p.First+" "+p.Middle+" "+p.Last)
		all.emails = append(all.emails, p.Email)
		all.addresses = append(all.addresses, p.Address(), strings.TrimSuffix(p.Address(), ", Australia"))
		if !maskedDigits.MatchString(p.Phone) {
			all.phones = append(all.phones, p.Phone)
		}
	}
	return all
}

// compareAny reports whether a value equals one of the institutions' values after both are normalized with fold.
func compareAny(value string, known []string, fold func(string) string) object {
	if len(known) == 0 {
		return unverified(value, "No institution of the user shares this.")
	}
	for _, one := range known {
		if fold(one) == fold(value) {
			return compared(value, true)
		}
	}
	return compared(value, false)
}

// foldText returns the letters and digits of the words of a text in lower case.
func foldText(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.Join(words, " ")
}

// foldPhone returns the digits of an Australian phone number in national format.
func foldPhone(phone string) string {
	digits := digitsOnly(phone)
	if rest, international := strings.CutPrefix(digits, "61"); international {
		return "0" + rest
	}
	return digits
}
