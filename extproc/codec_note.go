package extproc

import "google.golang.org/protobuf/encoding/protowire"

// sizeNote is the length of what appendNote writes.
func sizeNote(note []header) int {
	if len(note) == 0 {
		return 0
	}
	return sizeBytes(sizeBytes(sizeNamespace(noteFields(note))))
}

// noteFields is the length of the inner Struct, sizeNamespace that of the map's entry around it.
func noteFields(note []header) (n int) {
	for _, h := range note {
		n += sizeBytes(sizeField(h))
	}
	return n
}

func sizeField(h header) int { return sizeBytes(len(h.name)) + sizeBytes(sizeBytes(len(h.value))) }

func sizeNamespace(fields int) int {
	return sizeBytes(len(noteNamespace)) + sizeBytes(sizeBytes(fields))
}

// appendNote writes dynamic_metadata: a Struct whose one field is our namespace, itself a Struct of strings.
func appendNote(b []byte, note []header) []byte {
	if len(note) == 0 {
		return b
	}
	const (
		structFields, entryKey, entryValue = 1, 1, 2
		valueString, valueStruct           = protowire.Number(3), protowire.Number(5)
	)
	fields := noteFields(note)
	b = appendHead(b, fieldNote, sizeBytes(sizeNamespace(fields)))
	b = appendHead(b, structFields, sizeNamespace(fields))
	b = appendBytes(b, entryKey, noteNamespace)
	b = appendHead(b, entryValue, sizeBytes(fields))
	b = appendHead(b, valueStruct, fields)
	for _, h := range note {
		b = appendHead(b, structFields, sizeField(h))
		b = appendBytes(b, entryKey, h.name)
		b = appendHead(b, entryValue, sizeBytes(len(h.value)))
		b = appendBytes(b, valueString, h.value)
	}
	return b
}
