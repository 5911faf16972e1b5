package basiq

import "iter"

// listAll returns the items of a list that comes in one answer. Nothing is sent before the range begins.
func listAll[T any](fetch func() ([]T, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		items, err := fetch()
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range items {
			if !yield(&items[i], nil) {
				return
			}
		}
	}
}
