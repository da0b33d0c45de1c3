package deploy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	net "gsmlab/infer/graph"
)

//go:embed page.html
var pageTemplate []byte

// Page writes a page in which one draws a digit, and the network answers as the pen moves. It is
// one file that needs no network and no other file. The network is one of images with one channel,
// of dense layers, convolutions and maximum pools with ReLU. fileBytes is said on the page, if it
// is not 0.
func Page(g *net.Graph, fileBytes int) ([]byte, error) {
	steps, err := table(g)
	if err != nil {
		return nil, err
	}
	input := g.Nodes[g.Inputs()[0]].Shape
	if len(input) != 3 || input[2] != 1 {
		return nil, fmt.Errorf("deploy: the network reads inputs of shape %v: the page draws images with one channel", input)
	}
	last := steps[len(steps)-1].Shape
	network, err := json.Marshal(struct {
		Input   []int  `json:"input"`
		Classes int    `json:"classes"`
		Bytes   int    `json:"bytes"`
		Steps   []step `json:"steps"`
	}{input, net.Elements(last), fileBytes, steps})
	if err != nil {
		return nil, fmt.Errorf("deploy: the page: %w", err)
	}
	return bytes.Replace(pageTemplate, []byte("/*NETWORK*/null"), network, 1), nil
}
