// Package code is the file of a pruned network: from a graph to bytes and back.
//
// A file is four bytes of name and version, one stream of an adaptive range coder, and four bytes
// of checksum. Where the weights are is coded bit by bit, by how likely one is: from how many are
// left in the column, how many the row has had, and which neighbours have one. Values are exact, or
// entries of a small codebook of each layer.
//
// Decode, which programs embed, uses none of what only Encode needs, so that the linker leaves it
// out.
package code

import (
	"errors"
	"hash/crc32"
	"strconv"

	"gsmlab/infer/graph"
)

// magic begins each file; its last byte is the version of the format.
const magic = "gsm\x02"

// Category says what bytes are for.
type Category uint8

const (
	Header    Category = iota // operations, shapes, attributes, and the file's frame
	Positions                 // where the weights are
	Codebook                  // the entries of the codebooks
	Values                    // the weights
	Bias                      // the biases
	Constants                 // the constants of nodes that are no layers
	Categories
)

// Decode reads a file. Whatever is in it, the result is a graph that graph.Check accepts, or an
// error.
func Decode(data []byte) (*graph.Graph, error) {
	g, _, err := DecodeSparse(data)
	return g, err
}

// DecodeSparse is Decode, and returns for each node with weights which of them are not zero: their
// indexes, output by output. The graph's weights say the same, but to look for them takes a tenth
// of the time in which a network is loaded.
func DecodeSparse(data []byte) (g *graph.Graph, nonzero [][]int32, err error) {
	if len(data) < len(magic) || string(data[:len(magic)-1]) != magic[:len(magic)-1] {
		return nil, nil, errors.New("code: this is no .gsm file: it begins otherwise")
	}
	if version, known := data[len(magic)-1], magic[len(magic)-1]; version != known {
		return nil, nil, errors.New("code: the file has version " + strconv.Itoa(int(version)) + " of the format, and this program reads version " + strconv.Itoa(int(known)) + ": use the program that wrote it, or write it again")
	}
	body := len(data) - 4
	if body < len(magic) || crc32.ChecksumIEEE(data[:body]) != checksum(data[body:]) {
		return nil, nil, errors.New("code: the checksum does not agree: the file was truncated or changed")
	}
	g = &graph.Graph{}
	c := newDecoder(data[len(magic):body])
	err = c.graph(g, budgetOf(len(data)), false, nil)
	if err == nil {
		err = graph.CheckRead(g) // each number was looked at when it was read
	}
	if err != nil {
		return nil, nil, errors.New("code: the file is damaged: " + err.Error())
	}
	return g, c.nonzero, nil
}

// checksum reads four bytes, the lowest first. Package encoding/binary would bring reflect along.
func checksum(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
