package main

import (
	"errors"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"gsmlab/deploy"
	"gsmlab/models/weights"
)

// forms are what `gsm pack --as` can write.
func forms() []string { return []string{"gsm", "onnx", "safetensors", "go", "page"} }

// write writes the network in a form, and returns the files.
func (p *packed) write(as, out string) ([]string, error) {
	switch as {
	case "onnx":
		return p.onnx(out)
	case "safetensors":
		return p.csr(out)
	case "go":
		return p.goPackage(out)
	case "page":
		page, err := deploy.Page(p.graph, len(p.file))
		if err != nil {
			return nil, err
		}
		return []string{out}, write("-o", out, page)
	}
	return []string{out}, write("-o", out, p.file)
}

// onnx writes the network twice: as large as it was, with zeros, and compacted.
func (p *packed) onnx(out string) ([]string, error) {
	dense, err := deploy.ONNX(p.full, false)
	if err != nil {
		return nil, err
	}
	compact, err := deploy.ONNX(p.graph, true)
	if err != nil {
		return nil, err
	}
	small := strings.TrimSuffix(out, filepath.Ext(out)) + ".compact.onnx"
	return []string{out, small}, errors.Join(write("-o", out, dense), write("-o", small, compact))
}

// csr writes the weights as they were before packing, with PyTorch's names.
func (p *packed) csr(out string) ([]string, error) {
	dir, err := os.MkdirTemp("", "gsm-pack")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "dense"+weights.Suffix)
	if err := weights.Write(file, p.src.store, nil, p.src.model.Flat, map[string]string{"model": p.src.model.Name}, weights.GoMLX()); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sparse, err := deploy.CSR(raw)
	if err != nil {
		return nil, err
	}
	return []string{out}, write("-o", out, sparse)
}

// goPackage writes a folder with a package that is named after it.
func (p *packed) goPackage(out string) ([]string, error) {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return -1
	}, strings.ToLower(filepath.Base(out)))
	if !token.IsIdentifier(name) {
		name = "net" + name
	}
	files, err := deploy.GoPackage(p.graph, name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return nil, fmt.Errorf("-o %s: %w: name another folder", out, plain(err))
	}
	var list []string
	for _, file := range []string{"go.mod", "net.go"} {
		path := filepath.Join(out, file)
		if err := write("-o", path, files[file]); err != nil {
			return nil, err
		}
		list = append(list, path)
	}
	return list, nil
}
