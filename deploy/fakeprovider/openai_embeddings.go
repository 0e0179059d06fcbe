package fakeprovider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
)

type embeddingsRequest struct {
	Model          string          `json:"model"`
	Input          json.RawMessage `json:"input"`
	EncodingFormat string          `json:"encoding_format"`
	Dimensions     *int            `json:"dimensions"`
}

// defaultDimensions are ada's.
const defaultDimensions = 1536

func serveEmbeddings(c *call) error {
	var req embeddingsRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	texts, prompt, ok := inputs(req.Input)
	if ok, err := c.begin(ask{model: req.Model, text: last(texts), prompt: prompt}); !ok {
		return err
	}
	size := value(req.Dimensions, defaultDimensions)
	if !ok || len(texts) > 2048 || size < 1 || size > 4096 {
		return c.fail(http.StatusBadRequest, "Invalid 'input' or 'dimensions'.")
	}
	data := make([]object, len(texts))
	for i, text := range texts {
		v := vector(text, size)
		var shown any = v
		if req.EncodingFormat == "base64" {
			raw := make([]byte, 0, 4*size)
			for _, x := range v {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
			shown = base64.StdEncoding.EncodeToString(raw)
		}
		data[i] = object{"object": "embedding", "index": i, "embedding": shown}
	}
	reply := struct {
		Object string          `json:"object"`
		Data   []object        `json:"data"`
		Model  string          `json:"model"`
		Usage  json.RawMessage `json:"usage,omitempty"`
	}{"list", data, c.model, c.wholeUsage(marshal(object{"prompt_tokens": prompt, "total_tokens": prompt}))}
	return c.usageReply(reply, 0)
}

// vector is a direction that depends on the text alone, of length 1.
func vector(text string, size int) []float32 {
	v := make([]float32, size)
	var sum float64
	block := sha256.Sum256([]byte(text))
	for i := range v {
		if i%8 == 0 && i > 0 {
			block = sha256.Sum256(block[:])
		}
		x := float64(int32(binary.LittleEndian.Uint32(block[4*(i%8):]))) / math.MaxInt32
		v[i] = float32(x)
		sum += x * x
	}
	if norm := math.Sqrt(sum); norm > 0 {
		for i := range v {
			v[i] = float32(float64(v[i]) / norm)
		}
	}
	return v
}
