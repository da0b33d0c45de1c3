package jupyter

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"gsmlab/internal/atomicfile"
	"gsmlab/kernel/jupyter/zmtp"
)

// connection is the content of a connection file.
type connection struct {
	Transport string `json:"transport"`
	IP        string `json:"ip"`
	Key       string `json:"key"`
	Scheme    string `json:"signature_scheme"`
	Shell     int    `json:"shell_port"`
	IOPub     int    `json:"iopub_port"`
	Stdin     int    `json:"stdin_port"`
	Control   int    `json:"control_port"`
	Heartbeat int    `json:"hb_port"`
	Kernel    string `json:"kernel_name"`
}

// readConnection reads a connection file. If there is none, the connection is new: listening
// chooses its ports, and isNew says that the file must be written.
func readConnection(path string) (c connection, isNew bool, err error) {
	c = connection{Transport: "tcp", IP: "127.0.0.1", Scheme: "hmac-sha256"}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		c.Key, c.Kernel = rand.Text(), defaultName
		return c, true, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("jupyter: the connection file: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, false, fmt.Errorf("jupyter: the connection file %s: %w", path, err)
	}
	if c.Scheme != "hmac-sha256" && c.Key != "" {
		return c, false, fmt.Errorf("jupyter: the connection file %s: signature_scheme %q: only hmac-sha256 is known", path, c.Scheme)
	}
	if c.Transport != "tcp" && c.Transport != "ipc" {
		return c, false, fmt.Errorf("jupyter: the connection file %s: transport %q: only tcp and ipc are known", path, c.Transport)
	}
	return c, false, nil
}

// write writes the connection file for its owner alone, because whoever has the key can run code
// here.
func (c connection) write(path string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = atomicfile.WritePrivate(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("jupyter: the connection file: %w", err)
	}
	return nil
}

// loopback reports whether only this machine can reach the sockets.
func (c connection) loopback() bool {
	ip := net.ParseIP(c.IP)
	return c.Transport == "ipc" || c.IP == "localhost" || ip != nil && ip.IsLoopback()
}

// listen opens a socket and sets port to the one it got.
func (c connection) listen(kind zmtp.Kind, port *int, opt zmtp.Options) (*zmtp.Socket, error) {
	if c.IP == "*" { // as libzmq writes it
		c.IP = ""
	}
	if c.Transport == "ipc" {
		if *port == 0 {
			*port = 1
			for exists(c.ipcPath(*port)) {
				*port++
			}
		}
		path := c.ipcPath(*port)
		os.Remove(path) // of a kernel that was killed
		s, err := zmtp.Listen(kind, "unix", path, opt)
		if err == nil {
			err = os.Chmod(path, 0o600)
		}
		return s, err
	}
	s, err := zmtp.Listen(kind, "tcp", net.JoinHostPort(c.IP, strconv.Itoa(*port)), opt)
	if err == nil {
		*port = s.Addr().(*net.TCPAddr).Port
	}
	return s, err
}

func (c connection) ipcPath(port int) string { return c.IP + "-" + strconv.Itoa(port) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// dataDir is where Jupyter looks for this user's kernels.
func dataDir() (string, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("jupyter: %w", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Jupyter"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

// ownConnectionFile names a connection file where `jupyter console --existing` finds it.
func ownConnectionFile() (string, error) {
	dir := os.Getenv("JUPYTER_RUNTIME_DIR")
	if dir == "" {
		data, err := dataDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(data, "runtime")
	}
	return filepath.Join(dir, fmt.Sprintf("kernel-%s-%d.json", defaultName, os.Getpid())), nil
}
