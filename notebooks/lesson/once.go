package lesson

import (
	"errors"
	"os"
	"path/filepath"
)

// Once does work once, and lets later cells find what it wrote in the folder Dir(name), which it
// returns. Recipe says what the work depends on. If the folder has another recipe, or the work was
// not finished, Once empties the folder and does the work again.
func Once(name, recipe string, work func(dir string)) string {
	dir := Dir(name)
	mark := filepath.Join(dir, "once.txt")
	old, err := os.ReadFile(mark)
	if err == nil && string(old) == recipe {
		return dir
	}
	// Never empty a folder that somebody else made.
	if entries, dirErr := os.ReadDir(dir); dirErr == nil && len(entries) > 0 && err != nil {
		if _, err := os.Stat(mark + ".begun"); err != nil {
			panic(errors.New("lesson.Once: " + dir + " holds something else: choose another name"))
		}
	}
	Check(os.RemoveAll(dir))
	Check(os.MkdirAll(dir, 0o777))
	Check(os.WriteFile(mark+".begun", nil, 0o666))
	work(dir)
	Check(os.Remove(mark + ".begun"))
	Check(os.WriteFile(mark, []byte(recipe), 0o666))
	return dir
}
