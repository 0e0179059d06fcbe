package dialect

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// audioMillis is how long a recording is: exactly for WAV, FLAC, Ogg and MP4,
// from its bit rate for MP3, and as long as it can be at 32 kbit/s for the rest.
// It is what is held; the provider's own figure counts in the end.
func audioMillis(b []byte) int64 {
	if n, ok := exactMillis(b); ok && 0 < n && n < 1<<35 {
		return n
	}
	return int64(len(b)) / 4
}

func exactMillis(b []byte) (int64, bool) {
	switch {
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WAVE":
		return wavMillis(b)
	case len(b) >= 26 && string(b[:4]) == "fLaC":
		rate := int64(b[18])<<12 | int64(b[19])<<4 | int64(b[20])>>4
		samples := int64(b[21]&0x0f)<<32 | int64(binary.BigEndian.Uint32(b[22:]))
		return ratio(samples, rate)
	case len(b) >= 4 && string(b[:4]) == "OggS":
		return oggMillis(b)
	case len(b) >= 8 && string(b[4:8]) == "ftyp":
		return mp4Millis(b)
	case bytes.HasPrefix(b, []byte("ID3")), len(b) >= 2 && b[0] == 0xff && b[1]&0xe0 == 0xe0:
		return mp3Millis(b)
	}
	return 0, false
}

func ratio(n, perSecond int64) (int64, bool) {
	if perSecond <= 0 || n < 0 || n > 1<<50 {
		return 0, false
	}
	return (n*1000 + perSecond - 1) / perSecond, true
}

func wavMillis(b []byte) (int64, bool) {
	var perSecond int64
	for at := 12; at+8 <= len(b); {
		kind, size := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		at += 8
		switch {
		case kind == "fmt " && at+12 <= len(b):
			perSecond = int64(binary.LittleEndian.Uint32(b[at+8:]))
		case kind == "data":
			return ratio(min(size, int64(len(b)-at)), perSecond)
		}
		if size > int64(len(b)) {
			break
		}
		at += int(size + size&1)
	}
	return 0, false
}

// oggMillis takes the position of the last page; Opus always counts at 48 kHz.
func oggMillis(b []byte) (int64, bool) {
	last := bytes.LastIndex(b, []byte("OggS"))
	if last < 0 || last+14 > len(b) {
		return 0, false
	}
	rate := int64(48000)
	if v := bytes.Index(b[:min(len(b), 256)], []byte("\x01vorbis")); v >= 0 && v+16 <= len(b) {
		rate = int64(binary.LittleEndian.Uint32(b[v+12:]))
	}
	return ratio(int64(binary.LittleEndian.Uint64(b[last+6:])), rate)
}

// mp4Millis reads the movie header.
func mp4Millis(b []byte) (int64, bool) {
	at := bytes.Index(b, []byte("mvhd"))
	if at < 0 || at+36 > len(b) {
		return 0, false
	}
	h := b[at+4:]
	if h[0] == 1 {
		return ratio(int64(binary.BigEndian.Uint64(h[24:])), int64(binary.BigEndian.Uint32(h[20:])))
	}
	return ratio(int64(binary.BigEndian.Uint32(h[16:])), int64(binary.BigEndian.Uint32(h[12:])))
}

// mp3Millis takes the bit rate of the first frame for that of all. One that
// varies makes it an estimate.
func mp3Millis(b []byte) (int64, bool) {
	if bytes.HasPrefix(b, []byte("ID3")) && len(b) > 10 {
		size := int(b[6]&0x7f)<<21 | int(b[7]&0x7f)<<14 | int(b[8]&0x7f)<<7 | int(b[9]&0x7f)
		b = b[min(10+size, len(b)):]
	}
	at := bytes.IndexByte(b, 0xff)
	if at < 0 || at+4 > len(b) || b[at+1]&0xe0 != 0xe0 {
		return 0, false
	}
	version, layer, index := b[at+1]>>3&3, b[at+1]>>1&3, b[at+2]>>4
	if version == 1 || layer != 1 || index == 0 || index == 15 {
		return 0, false
	}
	rates := [...]int64{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
	if version == 3 { // MPEG 1
		rates = [...]int64{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	}
	return int64(len(b)) * 8 / rates[index], true
}

// thousandths reads a number of seconds as milliseconds.
func thousandths(raw []byte) (int64, bool) {
	text := string(bytes.Trim(raw, `"`)) // verbose_json has had it as a string
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f < 1e9) {
		return 0, false
	}
	return int64(f*1000 + 0.5), true
}
