package data

import (
	"context"
	"fmt"
	"strings"
)

// Options say where a set is looked for. The zero value is the usual search (see MNIST).
type Options struct {
	// Dir, if not empty, is the only folder looked into: the set's files are in it or in a
	// subfolder named like the set.
	Dir string
	// Say, if not nil, is called with one-line messages: where the set was found, what is being
	// downloaded, and, by those who read batches, which image is broken.
	Say func(string)
	// Offline forbids the network.
	Offline bool
	// MaxBroken is how many images of a part of the set may be unreadable in training, where images
	// are decoded as they are needed (ImageNet): 0 means one in a thousand, and a negative number
	// none.
	MaxBroken int
}

func (o Options) say(format string, args ...any) {
	if o.Say != nil {
		o.Say(fmt.Sprintf(format, args...))
	}
}

// Place is one folder a set is looked for in.
type Place struct {
	// Origin is why the folder is looked into: "GSM_DATA", "cache", "module", "embedded".
	Origin string
	// Dir is the folder; empty where Origin leads to none, as when GSM_DATA is not set.
	Dir string
	// Found tells whether the set's files are there. Their content is checked only by Load.
	Found bool
	// Note says, in a few words, what is missing; empty if Found.
	Note string
}

// set is one row of the table of sets. A new set is a new row: callers know sets by name only.
type set struct {
	name   string
	train  int // number of training images
	byHand string
	load   func(context.Context, Options) (Split, error)
	test   func(context.Context, Options) (Split, error) // likewise, but Train may be missing
	places func(context.Context, Options) []Place
}

func sets() []set {
	files := func(train int, c, test collection) set {
		byHand := ""
		if len(c.sources) == 0 {
			byHand = c.remedy + "put " + c.wanted + " in a folder and name it in GSM_DATA"
		}
		split := func(c collection) func(context.Context, Options) (Split, error) {
			return func(ctx context.Context, opt Options) (Split, error) { return newFinder(c, opt).split(ctx) }
		}
		return set{c.name, train, byHand, split(c), split(test),
			func(ctx context.Context, opt Options) []Place { return newFinder(c, opt).places(ctx) }}
	}
	digits := func(context.Context, Options) (Split, error) { return Digits() }
	mnist, cifar := mnistCollection(mnistFiles), cifarCollection(cifarPerFile)
	return []set{
		{"digits", digitsLen - digitsTest, "", digits, digits,
			func(context.Context, Options) []Place { return []Place{{Origin: "embedded", Found: true}} }},
		files(60_000, mnist, mnist),
		files((len(cifarFiles)-1)*cifarPerFile, cifar, cifar),
		files(imageNetTrain, imageNetCollection(false), imageNetCollection(true)),
	}
}

// Names lists the sets that Load knows.
func Names() []string {
	var names []string
	for _, s := range sets() {
		names = append(names, s.name)
	}
	return names
}

func find(name string) (set, error) {
	for _, s := range sets() {
		if s.name == name {
			return s, nil
		}
	}
	return set{}, fmt.Errorf("data: unknown data set %q: use one of %s", name, strings.Join(Names(), ", "))
}

// TrainLen returns the number of training images of the set of that name, without looking for the
// set.
func TrainLen(name string) (int, error) {
	s, err := find(name)
	return s.train, err
}

// ByHand says how to get the set of that name if it cannot be downloaded; empty if it can, or is
// embedded.
func ByHand(name string) string {
	s, _ := find(name)
	return s.byHand
}

// Load returns the set of that name, one of Names.
func Load(ctx context.Context, name string, opt Options) (Split, error) {
	s, err := find(name)
	if err != nil {
		return Split{}, err
	}
	return s.load(ctx, opt)
}

// LoadTest returns the test images of the set of that name, one of Names, as Load does. Of ImageNet
// the training images need not be there: 6 GB are enough to measure a network.
func LoadTest(ctx context.Context, name string, opt Options) (Set, error) {
	s, err := find(name)
	if err != nil {
		return nil, err
	}
	split, err := s.test(ctx, opt)
	if err != nil {
		return nil, err
	}
	return split.Test, nil
}

// Places lists the folders Load would look into before it used the network, in its order, for
// reports such as that of `gsm doctor`. It does not use the network.
func Places(ctx context.Context, name string, opt Options) ([]Place, error) {
	s, err := find(name)
	if err != nil {
		return nil, err
	}
	return s.places(ctx, opt), nil
}
