package xlacache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"gsmlab/internal/settings"
)

// machine is a digest of what all executables of a process depend on.
func machine(identity string) []byte {
	h := sha256.New()
	for _, part := range []string{
		"1", // of this package's files
		identity,
		processor(),
		strconv.Itoa(runtime.NumCPU()), // XLA cuts loops into as many parts
		os.Getenv("NPROC"),             // or into so many
		os.Getenv(settings.XLAFlags),
	} {
		add(h, []byte(part))
	}
	return h.Sum(nil)
}

// processor describes the first processor's model and its instructions.
func processor() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	first, _, _ := strings.Cut(string(raw), "\n\n")
	var kept []string
	for line := range strings.Lines(first) {
		switch name, _, _ := strings.Cut(line, "\t"); name {
		case "vendor_id", "cpu family", "model", "model name", "stepping", "flags":
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// add writes a part and its length, so that no two lists of parts are alike.
func add(h interface{ Write([]byte) (int, error) }, part []byte) {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
	h.Write(part)
}

// key is the name of the file for a program.
func (s *store) key(code, format, options []byte) string {
	h := sha256.New()
	h.Write(s.machine)
	if string(format) == "mlir" {
		code = anonymous(code)
	}
	for _, part := range [][]byte{code, format, options} {
		add(h, part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var moduleName = regexp.MustCompile(`^module @\w+ \{`)

// anonymous returns a program in MLIR's textual form without the names that mean nothing: the
// module's, in which GoMLX counts graphs, and those of values, which hold paths of variables and
// metrics' UUIDs. The n-th value to be named becomes the number n, so programs that become equal
// differ in nothing but names. Quoted text stays.
func anonymous(code []byte) []byte {
	code = moduleName.ReplaceAll(code, []byte("module {"))
	short := make([]byte, 0, len(code))
	numbers := map[string]int{}
	quoted := false
	for i := 0; i < len(code); i++ {
		c := code[i]
		short = append(short, c)
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(code):
			i++
			short = append(short, code[i])
		case c == '%' && !quoted:
			end := i + 1
			for end < len(code) && inName(code[end]) {
				end++
			}
			name := string(code[i+1 : end])
			number, known := numbers[name]
			if !known {
				number = len(numbers)
				numbers[name] = number
			}
			short = strconv.AppendInt(short, int64(number), 10)
			i = end - 1
		}
	}
	return short
}

// inName says whether a byte can be in the name of an MLIR value.
func inName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("$._-", c) >= 0
}
