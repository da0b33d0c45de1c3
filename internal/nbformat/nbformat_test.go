// Tests of reading and writing: the same bytes as Jupyter, older versions, damaged files.

package nbformat

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const sample = `{
 "cells": [
  {
   "attachments": {
    "a.svg": {
     "image/svg+xml": [
      "<svg>\n",
      "</svg>"
     ]
    }
   },
   "cell_type": "markdown",
   "id": "m1",
   "metadata": {},
   "source": [
    "# <Title> & more\n",
    "text"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "c1",
   "metadata": {
    "number": 1.0,
    "tags": [
     "raises-exception"
    ]
   },
   "outputs": [
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "a\n",
      "b"
     ]
    },
    {
     "data": {
      "application/json": [
       "kept",
       12345678901234567890
      ],
      "image/png": "iVBOR",
      "text/plain": [
       "1\n",
       "2"
      ]
     },
     "execution_count": 3,
     "metadata": {
      "isolated": true
     },
     "output_type": "execute_result"
    },
    {
     "data": {
      "text/html": [
       "<b>ü</b>"
      ]
     },
     "metadata": {},
     "output_type": "display_data"
    },
    {
     "ename": "panic",
     "evalue": "no",
     "output_type": "error",
     "traceback": [
      "panic: no"
     ]
    }
   ],
   "source": [],
   "unknown": {
    "b": null
   }
  },
  {
   "cell_type": "raw",
   "id": "r1",
   "metadata": {},
   "source": [
    "raw"
   ]
  }
 ],
 "extra": [
  1
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Go (gonb)",
   "language": "go",
   "name": "gonb"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`

func parse(t *testing.T, text string) *Notebook {
	t.Helper()
	nb, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return nb
}

func TestReadAndWrite(t *testing.T) {
	nb := parse(t, sample)
	data, err := nb.Bytes()
	if err != nil || string(data) != sample {
		t.Errorf("%v:\n%s", err, data)
	}
	c := nb.Cells[1]
	if name, language := nb.Kernel(); name != "gonb" || language != "go" {
		t.Errorf("kernel %q, %q", name, language)
	}
	if c.Count != 3 || !reflect.DeepEqual(c.Tags(), []string{"raises-exception"}) || c.Outputs[0].Text != "a\nb" || c.Outputs[1].Data["text/plain"] != "1\n2" {
		t.Errorf("%+v", c)
	}
	path := filepath.Join(t.TempDir(), "a.ipynb")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(sample, "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if nb, err = Read(path); err != nil {
		t.Fatal(err)
	}
	if err := nb.Write(path); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(path)
	info, _ := os.Stat(path)
	if err != nil || string(data) != sample || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v:\n%s", err, info.Mode(), data)
	}
}

// A source may be one string, and minor versions below 5 have no ids.
func TestOlderMinorVersions(t *testing.T) {
	nb := parse(t, `{"nbformat":4,"nbformat_minor":0,"metadata":{},"cells":[{"cell_type":"code","source":"x\r\ny\u2028z","metadata":{},"outputs":[],"execution_count":null,"collapsed":false}]}`)
	nb.Add("code", "1")
	data, err := nb.Bytes()
	want := `{
 "cells": [
  {
   "cell_type": "code",
   "collapsed": false,
   "execution_count": null,
   "metadata": {},
   "outputs": [],
   "source": [
    "x\r\n",
    "y ",
    "z"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "metadata": {},
   "outputs": [],
   "source": [
    "1"
   ]
  }
 ],
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 0
}
`
	if err != nil || string(data) != want {
		t.Errorf("%v:\n%s", err, data)
	}
}

func TestErrors(t *testing.T) {
	cell := func(text string) string {
		return `{"nbformat":4,"nbformat_minor":4,"metadata":{},"cells":[{"cell_type":"raw","source":"","metadata":{}},` + text + `]}`
	}
	for _, test := range []struct{ text, want string }{
		{" \n", "the file is empty, a notebook is JSON"},
		{"{\n\"a\": nope}", "not a notebook: line 2 is not JSON: invalid character 'o' in literal null (expecting 'u')"},
		{`{"nbformat": 4, "cells": [`, "not a notebook: the JSON ends in the middle: the file may have been cut off"},
		{"[1]", "not a notebook: it is JSON, but not an object"},
		{sample + "x", "not a notebook: line 102: there is more text after the end of the JSON"},
		{"{}", "not a notebook: it has no nbformat (the version of the format)"},
		{`{"nbformat":3,"worksheets":[]}`, "the notebook has format 3, which is outdated; convert it: jupyter nbconvert --to notebook --nbformat 4 FILE"},
		{`{"nbformat":5}`, "the notebook has format 5, newer than this program knows; convert it: jupyter nbconvert --to notebook --nbformat 4 FILE"},
		{`{"nbformat":4,"metadata":{}}`, "not a notebook: it has no list of cells"},
		{`{"nbformat":4,"metadata":7,"cells":[]}`, "metadata is not a JSON object"},
		{cell(`7`), "cell 2 is not a JSON object"},
		{cell(`{"source":""}`), "cell 2: it has no cell_type"},
		{cell(`{"cell_type":"heading","source":""}`), `cell 2: unknown cell_type "heading": code, markdown and raw are known`},
		{cell(`{"cell_type":"code"}`), "cell 2: it has no source"},
		{cell(`{"cell_type":"code","source":[1]}`), "cell 2: source is neither a string nor a list of strings"},
		{cell(`{"cell_type":"code","source":"","outputs":{}}`), "cell 2: outputs is not a list"},
		{cell(`{"cell_type":"code","source":"","outputs":[{"output_type":"pyout"}]}`), `cell 2: output 1: unknown output_type "pyout": stream, display_data, execute_result and error are known`},
		{cell(`{"cell_type":"code","source":"","outputs":[{"output_type":"stream","name":"stdout","text":7}]}`), "cell 2: output 1: text is neither a string nor a list of strings"},
	} {
		if _, err := Parse([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%.60s: got %v, want %s", test.text, err, test.want)
		}
	}
	path := filepath.Join(t.TempDir(), "old.ipynb")
	if err := os.WriteFile(path, []byte(`{"nbformat":3}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.HasSuffix(err.Error(), "--nbformat 4 "+path) {
		t.Error(err)
	}
}

func TestAppendMergesStreams(t *testing.T) {
	var c Cell
	for _, o := range []Output{{Type: "stream", Name: "stdout", Text: "a"}, {Type: "stream", Name: "stdout", Text: "b"}, {Type: "stream", Name: "stderr", Text: "c"},
		{Type: "display_data"}, {Type: "stream", Name: "stderr", Text: "d"}} {
		c.Append(o)
	}
	if len(c.Outputs) != 4 || c.Outputs[0].Text != "ab" || c.Outputs[3].Text != "d" {
		t.Errorf("%+v", c.Outputs)
	}
}

func TestOverwritten(t *testing.T) {
	for text, want := range map[string]string{
		"a\nb": "a\nb", "10%\r20%\r100%\nend": "100%\nend", "long line\rshort": "shortline", "ab\b\bx": "xb", "a\r\nb\r\n": "a\nb\n", "50%\r": "50%\r", "\b\bé\bü\n": "ü\n",
	} {
		if got := Overwritten(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"code","source":["a\r","\u0085b"],"outputs":[{"output_type":"error","traceback":[1]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		nb, err := Parse(data)
		if err != nil {
			return
		}
		first, err := nb.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(first)
		if err != nil {
			t.Fatalf("%v of what was written:\n%s", err, first)
		}
		if second, err := again.Bytes(); err != nil || string(second) != string(first) {
			t.Fatalf("%v:\n%s\n\n%s", err, first, second)
		}
	})
}
