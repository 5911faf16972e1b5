package basiq

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/basiq-go/basiq-go/api"
)

// maxObjects is how many objects and nulls an answer may have, far above any list of Basiq's: each of them takes up to a
// hundred times its size in memory.
const maxObjects = 1 << 18

// decode decodes a response body into value, a pointer to a struct. It returns an error if the body cannot be used, and
// nothing in value is valid then. A field of another JSON kind is skipped: odd describes the first one, or is nil.
func decode(body []byte, value any) (odd *api.MistypedError, err error) {
	// Two bytes are the least that one takes.
	if len(body) > 2*maxObjects && bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("null")) > maxObjects {
		return nil, fmt.Errorf("%w: it has more than %d objects", ErrResponseTooLarge, maxObjects)
	}
	err = api.Unmarshal(body, value)
	odd, ok := errors.AsType[*api.MistypedError](err)
	switch {
	case !ok:
		return nil, err
	case odd.Field == "":
		return nil, errors.New("it is no JSON object")
	}
	return odd, nil
}
