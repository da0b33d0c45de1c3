// Checkpoints of one stage: written to the side, moved when whole, checked when read.

package recipe

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// checkpoints keeps the checkpoints of one stage. GoMLX writes them in place, so a process killed
// while it saves would leave a broken newest one. Here they are written to a folder beside, and
// moved once they are whole, the index (.json) last.
type checkpoints struct {
	dir string
}

// keptCheckpoints is how many a stage keeps: the newest, and one to fall back to if a disk damaged
// it.
const keptCheckpoints = 2

// savingDir holds the checkpoint that is being written.
const savingDir = ".saving"

// open loads the newest good checkpoint into the store, to continue from it, and returns its name,
// or "" if there is none. It sets damaged checkpoints aside and tells say. Variables are loaded
// when a graph first uses them, in the order of the model.
func (c checkpoints) open(store *model.Store, say func(string)) (string, error) {
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return "", tagged{fmt.Errorf("recipe: %w", err), ErrFolder}
	}
	name, damaged, err := c.newest(store, false, say)
	if err != nil {
		return "", err
	}
	for _, bad := range damaged {
		for _, suffix := range []string{checkpoint.JsonNameSuffix, checkpoint.BinDataSuffix} {
			path := filepath.Join(c.dir, bad+suffix)
			if err := os.Rename(path, path+".damaged"); err != nil && !errors.Is(err, os.ErrNotExist) {
				return "", fmt.Errorf("recipe: setting a damaged checkpoint aside: %w", err)
			}
		}
	}
	return name, nil
}

// read loads the newest good checkpoint into the store. It changes nothing in the folder, which may
// belong to somebody else or be in use. It returns "" if there is none.
func (c checkpoints) read(store *model.Store, immediate bool, say func(string)) (string, error) {
	name, _, err := c.newest(store, immediate, say)
	return name, err
}

// newest loads the newest good checkpoint. It returns its name, and the names of newer ones that
// are damaged.
func (c checkpoints) newest(store *model.Store, immediate bool, say func(string)) (name string, damaged []string, err error) {
	names, err := c.names()
	if err != nil {
		return "", nil, err
	}
	for tries := 0; ; tries++ {
		var gone bool
		damaged = nil
		for _, name := range slices.Backward(names) {
			err := c.load(store, name, immediate)
			if err == nil {
				return name, damaged, nil
			}
			if gone = gone || errors.Is(err, os.ErrNotExist); !gone {
				say(fmt.Sprintf("checkpoint %s is damaged, trying the one before: %v", filepath.Join(c.dir, name), firstLine(err)))
			}
			damaged = append(damaged, name)
		}
		// A run in progress may have replaced the checkpoints that were listed.
		again, err := c.names()
		if err != nil || !gone || tries == 2 || slices.Equal(names, again) {
			return "", damaged, err
		}
		names = again
	}
}

// load loads one checkpoint. If it is damaged, the store does not change, even if part of it could
// be loaded.
func (c checkpoints) load(store *model.Store, name string, immediate bool) error {
	index, err := os.ReadFile(filepath.Join(c.dir, name+checkpoint.JsonNameSuffix))
	if err != nil {
		return err
	}
	values, err := os.ReadFile(filepath.Join(c.dir, name+checkpoint.BinDataSuffix))
	if err != nil {
		return err
	}
	into := func(store *model.Store, immediate bool) (err error) {
		config := checkpoint.Load(store).FromEmbed(string(index), values).Keep(-1)
		if immediate {
			config = config.Immediate()
		}
		_, err = config.Done()
		return err
	}
	trial := model.NewStore()
	defer trial.Finalize()
	var failed error
	if panicked := exceptions.TryCatch[error](func() { failed = into(trial, true) }); panicked != nil || failed != nil {
		return cmp.Or(panicked, failed)
	}
	return into(store, immediate)
}

// names lists the whole checkpoints, oldest first, without suffix.
func (c checkpoints) names() ([]string, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), checkpoint.JsonNameSuffix); ok && strings.HasPrefix(name, "checkpoint-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// save writes a checkpoint of the store and keeps the given number, this one included. It refuses
// weights that are not finite, so that the last good checkpoint stays the newest.
func (c checkpoints) save(store *model.Store, keep int) error {
	if err := checkFinite(store); err != nil {
		return err
	}
	step := int(optimizer.GetGlobalStep(store))
	saving := filepath.Join(c.dir, savingDir)
	if err := os.RemoveAll(saving); err != nil {
		return fmt.Errorf("recipe: saving checkpoint: %w", err)
	}
	loader := store.Loader()
	h, err := checkpoint.Build(store).Dir(saving).Done()
	store.SetLoader(loader) // the handler is for this one save
	if err == nil {
		err = h.Save()
	}
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err // GoMLX's text around it names the file three times
		}
		return fmt.Errorf("recipe: saving checkpoint to %s: %w: free some space there, or make it writable, and run again", c.dir, err)
	}
	written, err := h.ListCheckpoints()
	if err != nil || len(written) != 1 {
		return fmt.Errorf("recipe: saving checkpoint to %s: found %d instead of 1 (%v)", c.dir, len(written), err)
	}
	final := fmt.Sprintf("checkpoint-n%07d-step-%08d", step, step)
	for _, suffix := range []string{checkpoint.BinDataSuffix, checkpoint.JsonNameSuffix} {
		if err := moveSynced(filepath.Join(saving, written[0]+suffix), filepath.Join(c.dir, final+suffix)); err != nil {
			return fmt.Errorf("recipe: saving checkpoint to %s: %w", c.dir, err)
		}
	}
	if err := os.RemoveAll(saving); err != nil {
		return fmt.Errorf("recipe: saving checkpoint: %w", err)
	}
	return c.prune(final, keep)
}

// prune removes all but keep checkpoints: the last one saved, and the newest others.
func (c checkpoints) prune(last string, keep int) error {
	names, err := c.names()
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == last })
	for len(names) > keep-1 {
		// The index first: without it the data file is not a checkpoint.
		for _, suffix := range []string{checkpoint.JsonNameSuffix, checkpoint.BinDataSuffix} {
			if err := os.Remove(filepath.Join(c.dir, names[0]+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("recipe: removing an old checkpoint: %w", err)
			}
		}
		names = names[1:]
	}
	return nil
}

// moveSynced renames a file after its content has reached the disk.
func moveSynced(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	if err := cmp.Or(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// checkFinite reports the first trainable variable with a value that is not finite.
func checkFinite(store *model.Store) error {
	for v := range store.IterVariables() {
		if !v.Trainable || !v.HasValue() || v.DType() != dtypes.Float32 {
			continue
		}
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("recipe: %w", err)
		}
		sum := float32(0)
		err = tensors.ConstFlatData(value, func(flat []float32) {
			for _, x := range flat {
				sum += x * 0 // NaN as soon as one x is NaN or infinite
			}
		})
		if err != nil {
			return fmt.Errorf("recipe: %w", err)
		}
		if math.IsNaN(float64(sum)) {
			return fmt.Errorf("%w: %s holds values that are not finite", ErrDiverged, v.Path())
		}
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// replace saves the store as the only checkpoint of the folder. The old one stays until the new one
// is there.
func (c checkpoints) replace(store *model.Store) error {
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return fmt.Errorf("recipe: %w", err)
	}
	return c.save(store, 1)
}
