package extproc

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that other services use
	"google.golang.org/grpc/mem"
)

// codec is gRPC's own for every message but those of ext_proc: these it reads and
// writes without going through the generated types, which would cost more than
// all that Purser does with them. What it may not do is differ from them, which
// the fuzz tests beside it watch.
type codec struct{ proto encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Name is gRPC's, so that on the wire there is no difference.
func (codec) Name() string { return "proto" }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*inbound)
	if !ok {
		return c.proto.Unmarshal(data, v)
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	return in.unmarshal(buf.ReadOnlyData())
}

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	out, ok := v.(*outgoing)
	if !ok {
		return c.proto.Marshal(v)
	}
	return mem.BufferSlice{mem.SliceBuffer(out.marshal())}, nil
}

// outgoing is an outbound and the kind of message it answers.
type outgoing struct {
	kind messageKind
	outbound
}

// processor is what the service's handler needs of a Server.
type processor interface {
	process(w wire) (err error)
}

// service is ext_proc's, with its messages as they come off the wire.
var service = grpc.ServiceDesc{
	ServiceName: "envoy.service.ext_proc.v3.ExternalProcessor",
	HandlerType: (*processor)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName:    "Process",
		ServerStreams: true,
		ClientStreams: true,
		Handler: func(server any, stream grpc.ServerStream) error {
			return server.(processor).process(&rawWire{ServerStream: stream})
		},
	}},
}

// rawWire is a stream through codec. Its messages live as long as it does, so
// that a stream of many chunks does not make two new ones for each.
type rawWire struct {
	grpc.ServerStream
	in  inbound
	out outgoing
}

func (w *rawWire) recv() (*inbound, error) {
	w.in = inbound{}
	if err := w.RecvMsg(&w.in); err != nil {
		return nil, err
	}
	return &w.in, nil
}

func (w *rawWire) send(kind messageKind, out *outbound) error {
	w.out = outgoing{kind, *out}
	return w.SendMsg(&w.out)
}
