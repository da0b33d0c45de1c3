package pjrt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gsmlab/internal/atomicfile"
)

// record is written beside each plugin that we install, as PLUGIN.json, so that a plugin that was
// damaged later is not loaded.
type record struct {
	SHA256 string `json:"sha256"` // of the plugin file
	Size   int64  `json:"size"`   // in bytes
	// the plugin file's time: while it is unchanged, the sum is not computed again
	Modified time.Time `json:"modified"`
	Version  string    `json:"version"` // package and version
	Source   string    `json:"source"`  // where it came from, in words
}

func recordPath(plugin string) string { return plugin + ".json" }

func readRecord(plugin string) (record, error) {
	var r record
	raw, err := os.ReadFile(recordPath(plugin))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(raw, &r)
}

// checkRecord compares a plugin file with its record: the size always, the sum only if the file's
// time differs from the recorded one. A plugin without a record (not installed by us) passes.
func checkRecord(plugin string, fi fs.FileInfo) error {
	r, err := readRecord(plugin)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("its record %s is damaged", recordPath(plugin))
	}
	if fi.Size() != r.Size {
		return fmt.Errorf("size is %d bytes, recorded were %d", fi.Size(), r.Size)
	}
	if fi.ModTime().Equal(r.Modified) {
		return nil
	}
	sum, err := fileSHA256(plugin)
	if err != nil {
		return err
	}
	if sum != r.SHA256 {
		return fmt.Errorf("sha256 is %s, recorded was %s", sum, r.SHA256)
	}
	return nil
}

// writeRecord describes the plugin file as it is now.
func writeRecord(plugin, version, source string) error {
	fi, err := os.Stat(plugin)
	if err != nil {
		return err
	}
	sum, err := fileSHA256(plugin)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(record{SHA256: sum, Size: fi.Size(), Modified: fi.ModTime(), Version: version, Source: source}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(recordPath(plugin), append(raw, '\n'))
}

// foldersFile lists the folders given by --prefix, one per line, so that they are found again.
const foldersFile = "folders.txt"

func recordedFolders(cache string) (dirs []string) {
	raw, err := os.ReadFile(filepath.Join(cache, foldersFile))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" {
			dirs = append(dirs, line)
		}
	}
	return dirs
}

// recordFolder adds dir to the folders that Find searches.
func recordFolder(cache, dir string) error {
	dirs := recordedFolders(cache)
	for _, d := range dirs {
		if d == dir {
			return nil
		}
	}
	return writeFile(filepath.Join(cache, foldersFile), []byte(strings.Join(append(dirs, dir), "\n")+"\n"))
}

// writeFile writes a small file whole or not at all, and makes its folders.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, data)
}

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
