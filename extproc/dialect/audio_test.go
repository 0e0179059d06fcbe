package dialect

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestAudioMillis(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	wav := "RIFF\x00\x00\x00\x00WAVE" + "fmt \x10\x00\x00\x00" + string(le.AppendUint32([]byte{1, 0, 1, 0, 0x80, 0xbb, 0, 0}, 96000)) + "\x02\x00\x10\x00" +
		"LIST\x03\x00\x00\x00abc\x00" + "data" + string(le.AppendUint32(nil, 1<<31)) + strings.Repeat("\x00", 48000)
	flac := "fLaC\x00\x00\x00\x22" + strings.Repeat("\x00", 10) + "\x0a\xc4\x42\xf0" + string(be.AppendUint32(nil, 88200)) + strings.Repeat("\x00", 20)
	ogg := "OggS\x00\x02" + strings.Repeat("\x00", 30) + "OpusHead" + "OggS\x00\x04" + string(le.AppendUint64(nil, 96000)) + strings.Repeat("\x00", 20)
	mp4 := "\x00\x00\x00\x18ftypM4A " + strings.Repeat("\x00", 12) + "moov\x00\x00\x00\x6cmvhd\x00\x00\x00\x00" + strings.Repeat("\x00", 8) +
		string(be.AppendUint32(be.AppendUint32(nil, 1000), 2500)) + strings.Repeat("\x00", 80)
	mp3 := "ID3\x04\x00\x00\x00\x00\x00\x05hello" + "\xff\xfb\x90\x00" + strings.Repeat("\x00", 16000-4)
	for _, tc := range []struct {
		name, data string
		want       int64
	}{
		{"WAV, half a second, its length not filled in", wav, 500},
		{"FLAC", flac, 2000},
		{"Ogg", ogg, 2000},
		{"MP4", mp4, 2500},
		{"MP3 at 128 kbit/s", mp3, 1000},
		{"unknown", strings.Repeat("?", 4000), 1000},
		{"nothing", "", 0},
		{"WAV without data", wav[:40], 10},
		{"broken Ogg", "OggS", 1},
		{"broken MP3", "ID3\xff\xff\xff\xff\xff\xff\xff\xff", 2},
	} {
		if have := audioMillis([]byte(tc.data)); have != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, have, tc.want)
		}
	}
}

func FuzzAudioMillis(f *testing.F) {
	for _, s := range []string{"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00", "fLaC", "OggS", "\x00\x00\x00\x18ftypmvhd", "ID3\x04", "\xff\xfb\x90\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := audioMillis(b); n < 0 {
			t.Errorf("%d", n)
		}
	})
}
