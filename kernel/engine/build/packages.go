package build

// What cells can import without waiting.

// patterns match the packages whose names cells can use without an import.
var patterns = []string{"std", "gsmlab/gsm/...", "gsmlab/models/...", "github.com/gomlx/gomlx/core/...",
	"github.com/gomlx/gomlx/ml/...", "github.com/gomlx/compute/...", "github.com/janpfeifer/gonb/gonbui", "gsmlab/kernel/display", "gsmlab/backend",
	"golang.org/x/exp/constraints"}

// libraryRoots are in the library, with all that they import: packages that do not change, and
// packages that the worker needs. The worker initialises all packages of the library when it
// starts. So packages whose initialisation has visible effects are not here: image/jpeg lets
// image.Decode read JPEG, net/http/pprof adds handlers.
var libraryRoots = []string{
	"archive/tar", "archive/zip", "bufio", "bytes", "cmp", "compress/bzip2", "compress/flate", "compress/gzip", "compress/lzw", "compress/zlib",
	"container/heap", "container/list", "container/ring", "context", "crypto", "crypto/aes", "crypto/cipher", "crypto/ecdsa", "crypto/ed25519",
	"crypto/elliptic", "crypto/hmac", "crypto/md5", "crypto/rand", "crypto/rsa", "crypto/sha1", "crypto/sha256", "crypto/sha512", "crypto/subtle",
	"crypto/tls", "crypto/x509", "embed", "encoding", "encoding/ascii85", "encoding/base32", "encoding/base64", "encoding/binary", "encoding/csv",
	"encoding/gob", "encoding/hex", "encoding/json", "encoding/pem", "encoding/xml", "errors", "flag", "fmt", "go/ast", "go/format", "go/parser",
	"go/printer", "go/scanner", "go/token", "hash", "hash/adler32", "hash/crc32", "hash/crc64", "hash/fnv", "hash/maphash", "html", "html/template",
	"image", "image/color", "image/color/palette", "image/draw", "image/png", "index/suffixarray", "io", "io/fs", "io/ioutil", "iter", "log", "log/slog",
	"maps", "math", "math/big", "math/bits", "math/cmplx", "math/rand", "math/rand/v2", "mime", "mime/multipart", "net", "net/http",
	"net/http/cookiejar", "net/http/httputil", "net/mail", "net/netip", "net/textproto", "net/url", "os", "os/exec", "os/signal", "os/user", "path",
	"path/filepath", "plugin", "reflect", "regexp", "regexp/syntax", "runtime", "runtime/debug", "runtime/metrics", "runtime/pprof", "runtime/trace",
	"slices", "sort", "strconv", "strings", "structs", "sync", "sync/atomic", "syscall", "testing", "testing/fstest", "testing/iotest",
	"testing/quick", "text/scanner", "text/tabwriter", "text/template", "text/template/parse", "time", "unicode", "unicode/utf16", "unicode/utf8",
	"unique", "weak",

	"github.com/gomlx/gomlx/core/graph", "github.com/gomlx/gomlx/core/tensors", "github.com/gomlx/gomlx/ml/layers",
	"github.com/gomlx/gomlx/ml/layers/activation", "github.com/gomlx/gomlx/ml/model", "github.com/gomlx/gomlx/ml/model/checkpoint",
	"github.com/gomlx/gomlx/ml/train", "github.com/gomlx/gomlx/ml/train/loss", "github.com/gomlx/gomlx/ml/train/metric",
	"github.com/gomlx/gomlx/ml/train/optimizer", "github.com/janpfeifer/gonb/gonbui",

	"gsmlab/backend", "gsmlab/kernel/display", "gsmlab/kernel/engine/rt", "gsmlab/kernel/engine/rt/cell", "gsmlab/kernel/engine/rt/keep", "gsmlab/kernel/engine/rt/loader",
}

// ownPackages are added together when the first of them is imported. Developers change them often,
// and the library takes seconds to link.
var ownPackages = []string{"gsmlab/gsm", "gsmlab/gsm/chart", "gsmlab/gsm/snapshot", "gsmlab/gsm/ticket", "gsmlab/gsm/trace", "gsmlab/models",
	"gsmlab/models/data", "gsmlab/models/recipe", "gsmlab/models/weights", "gsmlab/notebooks/lesson"}
