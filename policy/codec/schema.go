package codec

import (
	"encoding/binary"
	"math"
	"time"
)

// The two forms of a value.
const (
	formNumber = 0
	formText   = 1
)

// schema is the fields of T by their number. Numbers are for ever: a
// field that goes leaves a gap.
type schema[T any] []field[T]

type field[T any] struct {
	put func(b []byte, tag uint64, v *T) []byte
	get func(v *T, w value) error
}

// value is a field's value as read, in one of the two forms.
type value struct {
	number int64
	text   string
	form   uint64
}

func (s schema[T]) append(b []byte, v *T) []byte {
	for tag := range s {
		if put := s[tag].put; put != nil {
			b = put(b, uint64(tag), v)
		}
	}
	return b
}

// read fills v from body. The strings of v share body's memory.
func (s schema[T]) read(body string, v *T) error {
	for len(body) > 0 {
		key, n := uvarint(body)
		if n <= 0 {
			return ErrMalformed
		}
		body = body[n:]
		w := value{form: key & 1}
		if w.form == formNumber {
			u, n := uvarint(body)
			if n <= 0 {
				return ErrMalformed
			}
			w.number = int64(u>>1) ^ -int64(u&1)
			body = body[n:]
		} else {
			size, n := uvarint(body)
			if n <= 0 || size > uint64(len(body)-n) {
				return ErrMalformed
			}
			w.text = body[n : n+int(size)]
			body = body[n+int(size):]
		}
		tag := key >> 1
		if tag >= uint64(len(s)) || s[tag].get == nil {
			continue // written by a newer version
		}
		if err := s[tag].get(v, w); err != nil {
			return err
		}
	}
	return nil
}

// uvarint is binary.Uvarint for a string.
func uvarint(s string) (uint64, int) {
	var x uint64
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		c := s[i]
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				return 0, 0
			}
			return x | uint64(c)<<(7*i), i + 1
		}
		x |= uint64(c&0x7f) << (7 * i)
	}
	return 0, 0
}

func appendNumber(b []byte, tag uint64, n int64) []byte {
	return binary.AppendVarint(binary.AppendUvarint(b, tag<<1|formNumber), n)
}

func appendText[S ~string | ~[]byte](b []byte, tag uint64, text S) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, tag<<1|formText), uint64(len(text)))
	return append(b, text...)
}

func number[T any, N ~int | ~int64 | ~uint8](at func(*T) *N) field[T] {
	return field[T]{
		put: func(b []byte, tag uint64, v *T) []byte {
			if n := *at(v); n != 0 {
				b = appendNumber(b, tag, int64(n))
			}
			return b
		},
		get: func(v *T, w value) error {
			n := N(w.number)
			if w.form != formNumber || int64(n) != w.number {
				return ErrMalformed
			}
			*at(v) = n
			return nil
		},
	}
}

func flag[T any](at func(*T) *bool) field[T] {
	return field[T]{
		put: func(b []byte, tag uint64, v *T) []byte {
			if *at(v) {
				b = appendNumber(b, tag, 1)
			}
			return b
		},
		get: func(v *T, w value) error {
			if w.form != formNumber {
				return ErrMalformed
			}
			*at(v) = w.number != 0
			return nil
		},
	}
}

func text[T any, S ~string](at func(*T) *S) field[T] {
	return field[T]{
		put: func(b []byte, tag uint64, v *T) []byte {
			if s := *at(v); s != "" {
				b = appendText(b, tag, s)
			}
			return b
		},
		get: func(v *T, w value) error {
			if w.form != formText {
				return ErrMalformed
			}
			*at(v) = S(w.text)
			return nil
		},
	}
}

func texts[T any](at func(*T) *[]string) field[T] {
	return field[T]{
		put: func(b []byte, tag uint64, v *T) []byte {
			for _, s := range *at(v) {
				b = appendText(b, tag, s)
			}
			return b
		},
		get: func(v *T, w value) error {
			if w.form != formText {
				return ErrMalformed
			}
			*at(v) = append(*at(v), w.text)
			return nil
		},
	}
}

// instant is a time to the nanosecond. It comes back in UTC.
func instant[T any](at func(*T) *time.Time) field[T] {
	return field[T]{
		put: func(b []byte, tag uint64, v *T) []byte {
			t := *at(v)
			if t.IsZero() {
				return b
			}
			var buf [2 * binary.MaxVarintLen64]byte
			n := binary.PutVarint(buf[:], t.Unix())
			n += binary.PutUvarint(buf[n:], uint64(t.Nanosecond()))
			return appendText(b, tag, buf[:n])
		},
		get: func(v *T, w value) error {
			u, n := uvarint(w.text)
			if w.form != formText || n <= 0 {
				return ErrMalformed
			}
			nanos, m := uvarint(w.text[n:])
			if m <= 0 || n+m != len(w.text) || nanos > math.MaxInt32 {
				return ErrMalformed
			}
			*at(v) = time.Unix(int64(u>>1)^-int64(u&1), int64(nanos)).UTC()
			return nil
		},
	}
}

// nested is a value with a schema of its own; list is any number of them.
func nested[T, U any](s schema[U], at func(*T) *U) field[T] {
	return field[T]{
		put: func(b []byte, tag uint64, v *T) []byte { return appendNested(b, tag, s, at(v)) },
		get: func(v *T, w value) error {
			if w.form != formText {
				return ErrMalformed
			}
			return s.read(w.text, at(v))
		},
	}
}

func list[T, U any](s schema[U], at func(*T) *[]U) field[T] {
	return field[T]{
		put: func(b []byte, tag uint64, v *T) []byte {
			items := *at(v)
			for i := range items {
				b = appendNested(b, tag, s, &items[i])
			}
			return b
		},
		get: func(v *T, w value) error {
			if w.form != formText {
				return ErrMalformed
			}
			var item U
			if err := s.read(w.text, &item); err != nil {
				return err
			}
			*at(v) = append(*at(v), item)
			return nil
		},
	}
}

func appendNested[U any](b []byte, tag uint64, s schema[U], v *U) []byte {
	b = binary.AppendUvarint(b, tag<<1|formText)
	start := len(b)
	b = s.append(b, v)
	// The length is known only now: make room for it in front.
	var size [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(size[:], uint64(len(b)-start))
	b = append(b, size[:n]...)
	copy(b[start+n:], b[start:len(b)-n])
	copy(b[start:], size[:n])
	return b
}
