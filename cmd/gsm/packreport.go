// What `gsm pack` reports: the bytes of a file by layer and by purpose, beside the usual forms.

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/infer/code"
	"gsmlab/infer/graph"
	"gsmlab/internal/phrase"
	"gsmlab/models"
)

// packReport is what `gsm pack` says of a network.
type packReport struct {
	Model string   `json:"model"`
	From  string   `json:"from"`
	File  string   `json:"file"`
	Files []string `json:"files"` // all that was written
	As    string   `json:"as"`
	Bits  string   `json:"bits"`
	// FileBytes is the size of the .gsm file, whatever was written.
	FileBytes int `json:"file_bytes"`
	// The same weights and biases as float32, packed by gzip -9, and as compressed sparse rows with
	// 32-bit indices.
	DenseBytes int `json:"dense_bytes"`
	GzipBytes  int `json:"gzip_bytes"`
	CSRBytes   int `json:"csr_bytes"`
	// Weights in kernels, before packing, which removes those of dead units.
	Nonzero  int `json:"nonzero"`
	Prunable int `json:"prunable"`
	// Of these, the weights that the file has, and those that its rounding made zero. The others
	// belonged to dead units.
	NonzeroInFile int `json:"nonzero_in_file"`
	RoundedToZero int `json:"rounded_to_zero"`
	// On the test set, of the network before packing and as decoded from the file. Null without
	// images.
	AccuracyBefore  *float64    `json:"accuracy_before"`
	AccuracyDecoded *float64    `json:"accuracy_decoded"`
	Images          int         `json:"images"`
	Layers          []packLayer `json:"layers"`
	// Bytes of all layers together; header is all the rest of the file.
	PositionsBytes float64 `json:"positions_bytes"`
	ValuesBytes    float64 `json:"values_bytes"`
	BiasBytes      float64 `json:"bias_bytes"`
	HeaderBytes    float64 `json:"header_bytes"`
}

// packLayer is one layer in the file, without the units that were removed.
type packLayer struct {
	Name      string  `json:"name"`
	Shape     []int   `json:"shape"`
	Weights   int     `json:"weights"`
	Nonzero   int     `json:"nonzero"`
	Positions float64 `json:"positions_bytes"`
	Values    float64 `json:"values_bytes"` // with the codebook
	Bias      float64 `json:"bias_bytes"`
	Header    float64 `json:"header_bytes"`
}

// newPackReport describes a file. Exact is the network that was rounded for it, g the one in it.
func newPackReport(src source, exact, g *graph.Graph, spent *code.Report, bits string) (packReport, error) {
	r := packReport{Model: src.model.Name, From: src.from, Bits: bits, FileBytes: spent.Total, Prunable: src.model.Prunable}
	for _, b := range spent.Layers {
		r.Layers = append(r.Layers, packLayer{
			Name: layerName(b.Name), Shape: g.Nodes[b.Node].Weights.Shape, Weights: b.Weights, Nonzero: b.Nonzero,
			Positions: b.Spent[code.Positions], Values: b.Spent[code.Values] + b.Spent[code.Codebook], Bias: b.Spent[code.Bias], Header: b.Spent[code.Header],
		})
	}
	for i := range r.Layers {
		l := &r.Layers[i]
		r.PositionsBytes += l.Positions
		r.ValuesBytes += l.Values
		r.BiasBytes += l.Bias
	}
	r.HeaderBytes = float64(r.FileBytes) - r.PositionsBytes - r.ValuesBytes - r.BiasBytes
	counts, err := gsm.Nonzero(src.store, nil)
	if err != nil {
		return r, err
	}
	for _, n := range counts {
		r.Nonzero += n
	}
	_, before := weightsOf(exact)
	_, r.NonzeroInFile = weightsOf(g)
	r.RoundedToZero = before - r.NonzeroInFile
	r.DenseBytes, r.GzipBytes, r.CSRBytes, err = otherSizes(src.store)
	return r, err
}

// layerName shortens a scope to what a reader calls its layer.
func layerName(scope string) string { return models.LayerName(scope + "/weights") }

// otherSizes are the bytes that a network takes in usual forms.
func otherSizes(store *model.Store) (dense, zipped, csr int, err error) {
	var raw, packed bytes.Buffer
	for v := range store.IterVariables() {
		if !gsm.InModel(store, v) || v.DType() != dtypes.Float32 {
			continue
		}
		values, err := tensors.CopyFlatData[float32](v.MustValue())
		if err != nil {
			return 0, 0, 0, err
		}
		nonzero := 0
		for _, x := range values {
			if raw.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x))); x != 0 {
				nonzero++
			}
		}
		if dims := v.Shape().Dimensions; gsm.IsKernel(v) {
			rows := dims[len(dims)-1] // one for each output, as PyTorch has them
			csr += 8*nonzero + 4*(rows+1)
		} else {
			csr += 4 * len(values)
		}
	}
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return 0, 0, 0, err
	}
	if _, err := z.Write(raw.Bytes()); err != nil {
		return 0, 0, 0, err
	}
	if err := z.Close(); err != nil {
		return 0, 0, 0, err
	}
	return raw.Len(), packed.Len(), csr, nil
}

// table prints where the bytes are.
func (r *packReport) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "layer\tshape\tnon-zero\tpositions\tvalues\tbiases\t")
	layers := r.Layers
	if len(layers) > 20 { // the rest in one row
		var rest packLayer
		for _, l := range layers[20:] {
			rest.Nonzero += l.Nonzero
			rest.Positions += l.Positions
			rest.Values += l.Values
			rest.Bias += l.Bias
		}
		rest.Name = fmt.Sprintf("%d more", len(layers)-20)
		layers = append(slices.Clone(layers[:20]), rest)
	}
	nonzero := 0
	for _, l := range layers {
		nonzero += l.Nonzero
		fmt.Fprintf(t, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t\n", l.Name, strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Shape), " ", "x"), "[]"), phrase.Count(l.Nonzero), l.Positions, l.Values, l.Bias)
	}
	fmt.Fprintf(t, "all, in bytes\t\t%s\t%.0f\t%.0f\t%.0f\t\n", phrase.Count(nonzero), r.PositionsBytes, r.ValuesBytes, r.BiasBytes)
	if err := t.Flush(); err != nil {
		return err
	}
	times := func(n int) string {
		return fmt.Sprintf("%s bytes, %.4gx", phrase.Count(n), float64(n)/float64(r.FileBytes))
	}
	fmt.Fprintf(w, "\nweights     %s in the network, %s in the file: %s round to zero, the rest belong to dead units\n", phrase.Count(r.Nonzero), phrase.Count(r.NonzeroInFile), phrase.Count(r.RoundedToZero))
	fmt.Fprintf(w, "header      %.0f bytes\nfile        %s bytes\ndense       %s as large\ngzip -9     %s\nCSR         %s\n", r.HeaderBytes, phrase.Count(r.FileBytes), times(r.DenseBytes), times(r.GzipBytes), times(r.CSRBytes))
	if r.AccuracyBefore != nil {
		fmt.Fprintf(w, "accuracy    %s before, %s decoded, on %s test images\n", percent(*r.AccuracyBefore), percent(*r.AccuracyDecoded), phrase.Count(r.Images))
	}
	if r.As != "gsm" {
		fmt.Fprintf(w, "these are the sizes as .gsm; written as %s:\n", r.As)
	}
	_, err := fmt.Fprintf(w, "written     %s\n", strings.Join(r.Files, ", "))
	return err
}
