package boot

// ballast is never touched, so it takes address space and no memory.
var ballast []byte

// RoomyHeap lets garbage of so many bytes lie before it is collected. Go collects when
// the heap has doubled: that of a small but busy process doubles many times a second.
func RoomyHeap(bytes int) { ballast = make([]byte, bytes) }
