package web

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"rsc.io/qr"

	"github.com/covey-p2p/covey/node/api"
)

// maxQR is what a code of medium redundancy holds, with room to spare.
const maxQR = 1200

// drawQR answers with the posted text as an SVG code. The text comes in the
// body, for links are secrets and addresses are logged.
func drawQR(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxQR+1))
	if err != nil || len(text) == 0 || len(text) > maxQR {
		refuse(w, http.StatusBadRequest, api.NewError(api.CodeUsage, fmt.Sprintf("A code holds 1 to %d bytes.", maxQR), "Shorten the text."))
		return
	}
	code, err := qr.Encode(string(text), qr.M)
	if err != nil {
		refuse(w, http.StatusBadRequest, api.NewError(api.CodeUsage, "The text does not fit a code.", "Shorten it."))
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = io.WriteString(w, svg(code)) // the reader has gone
}

// svg draws a code black on white with its quiet zone of four modules, one
// path for all runs of dark modules.
func svg(code *qr.Code) string {
	const quiet = 4
	var d strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			fmt.Fprintf(&d, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
		}
	}
	size := code.Size + 2*quiet
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`, size, size, size, size, d.String())
}
