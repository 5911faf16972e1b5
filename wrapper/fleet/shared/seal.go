package shared

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// keyring encrypts tokens, and names their rows. Its fields are functions, so that printing it prints no key.
type keyring struct {
	// rowID returns the ID of the row of a scope. It does not reveal the user.
	rowID func(scope basiq.Scope) string
	// seal encrypts the token of a row, open decrypts it.
	seal func(rowID, token string) string
	open func(rowID, sealed string) (string, error)
}

var errSealed = errors.New("invalid token in the database")

// newKeyring derives the keys from the API key. The tokens of another client, which has another base URL or API version,
// have other keys and rows.
func newKeyring(apiKey, client string) (keyring, error) {
	derive := func(use string) ([]byte, error) {
		return hkdf.Key(sha256.New, []byte(apiKey), nil, "basiq-go/shared/"+use+"/"+client, sha256.Size)
	}
	naming, err := derive("row")
	if err != nil {
		return keyring{}, err
	}
	encryption, err := derive("token")
	if err != nil {
		return keyring{}, err
	}
	block, err := aes.NewCipher(encryption)
	if err != nil {
		return keyring{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return keyring{}, err
	}
	return keyring{
		rowID: func(scope basiq.Scope) string {
			mac := hmac.New(sha256.New, naming)
			_, _ = fmt.Fprintf(mac, "%q %q", scope.Access, scope.UserID)
			return hex.EncodeToString(mac.Sum(nil))
		},
		seal: func(rowID, token string) string {
			return base64.StdEncoding.EncodeToString(aead.Seal(nil, nil, []byte(token), []byte(rowID))) //nolint:gosec // the AEAD generates a random nonce
		},
		open: func(rowID, sealed string) (string, error) {
			data, err := base64.StdEncoding.DecodeString(sealed)
			if err != nil {
				return "", errSealed
			}
			token, err := aead.Open(nil, nil, data, []byte(rowID))
			if err != nil {
				return "", errSealed
			}
			return string(token), nil
		},
	}, nil
}
