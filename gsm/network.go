// The network of an optimizer: the store's record of what it prunes together, and who reads it.

package gsm

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// This file keeps a record in the store of what each optimizer has pruned together: the variables
// that were trainable, used by its training graph and accepted by its predicate. Counting, cutting
// and masks go by this record and not by the whole store. A store may also hold variables that no
// graph uses, the network of another optimizer, or features that were frozen in training, which a
// checkpoint loaded at once does not show.

// networksPath holds the record of all optimizers of a store as JSON, from names to paths. It is a
// variable, so that checkpoints hold it. It lies at the root, like GoMLX's step and random state.
const networksPath = "/gsm_networks"

// networks maps the name of each optimizer that has trained in a store (see Config.Name) to the
// paths of the variables it pruned.
type networks map[string][]string

// readNetworks returns the record of a store, or an empty one if there is none.
func readNetworks(store *model.Store) (networks, error) {
	v := store.GetVariable(networksPath)
	if v == nil || !v.HasValue() {
		return networks{}, nil
	}
	v.SetTrainable(false) // a checkpoint loaded at once does not know
	value, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("gsm: reading %s: %w", networksPath, err)
	}
	text, err := tensors.CopyFlatData[uint8](value)
	if err != nil {
		return nil, fmt.Errorf("gsm: reading %s: %w", networksPath, err)
	}
	var record networks
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, fmt.Errorf("gsm: reading %s: %w: the store is damaged, go back to an earlier checkpoint", networksPath, err)
	}
	return record, nil
}

// write puts the record into a store, or deletes it if it is empty.
func (n networks) write(store *model.Store) error {
	if len(n) == 0 {
		return store.DeleteVariable(networksPath)
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	value := tensors.FromFlatDataAndDimensions(text, len(text))
	if v := store.GetVariable(networksPath); v != nil {
		return v.SetValue(value)
	}
	v, err := store.CreateVariable(networksPath, value)
	if err != nil {
		return err
	}
	v.SetTrainable(false)
	return nil
}

// names are the names of the optimizers, sorted.
func (n networks) names() []string {
	var names []string
	for name := range n {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// note records which variables this graph prunes together. A network may shrink and grow as parts
// of it are frozen and freed. A different network in the state of this one would share its
// threshold, schedule and cut, so that is an error.
func (o *Optimizer) note(store *model.Store, g *graph.Graph, layers []*weight) error {
	record, err := readNetworks(store)
	if err != nil {
		return err
	}
	paths := make([]string, len(layers))
	for i, l := range layers {
		paths[i] = l.variable.Path()
	}
	before, known := record[o.name()]
	lost, gained := without(before, paths), without(paths, before)
	if known && len(lost) > 0 {
		if o.noted == store && len(gained) < len(layers) {
			// another graph of the same trainer, with other parts in use
			paths = append(paths, lost...)
			slices.Sort(paths)
		} else if len(gained) > 0 || o.abandons(store, g, lost) {
			return fmt.Errorf("gsm: the store has the state of an optimizer named %q that prunes %q and not only %s: give each network's optimizer a Config.Name of its own, or call Clear before the next phase",
				o.name(), lost[0], quoted(paths))
		}
	}
	o.noted = store
	if known && slices.Equal(before, paths) {
		return nil
	}
	record[o.name()] = paths
	if err := record.write(store); err != nil {
		return fmt.Errorf("gsm: recording what is pruned: %w", err)
	}
	return nil
}

// abandons reports whether one of the lost paths, which are no longer pruned, names a trainable
// variable that this graph does not use. Such a variable belongs to another network; it is not a
// frozen part of this one.
func (o *Optimizer) abandons(store *model.Store, g *graph.Graph, lost []string) bool {
	for _, path := range lost {
		if v := store.GetVariable(path); v != nil && v.Trainable && !v.InUseByGraph(g) {
			return true
		}
	}
	return false
}

// without returns the elements of a that are not in b.
func without[T comparable](a, b []T) []T {
	in := make(map[T]bool, len(b))
	for _, x := range b {
		in[x] = true
	}
	var out []T
	for _, x := range a {
		if !in[x] {
			out = append(out, x)
		}
	}
	return out
}

// quoted names the first few of the paths.
func quoted(paths []string) string {
	if len(paths) > 1 {
		return fmt.Sprintf("%q and %d more", paths[0], len(paths)-1)
	}
	return fmt.Sprintf("%q", paths[0])
}

// prunedBy returns the variables that an optimizer has pruned together, sorted by path. known is
// false if the store has no record: before the first step, and in checkpoints of earlier versions.
func prunedBy(store *model.Store, name string) (found []*model.Variable, known bool, err error) {
	record, err := readNetworks(store)
	if err != nil {
		return nil, false, err
	}
	paths, known := record[name]
	for _, path := range paths {
		v := store.GetVariable(path)
		if v == nil {
			return nil, false, fmt.Errorf("gsm: %q was pruned and is no longer in the store: go back to a checkpoint that has it, or call Clear", path)
		}
		found = append(found, v)
	}
	slices.SortFunc(found, byPath)
	return found, known, nil
}

// InModel reports whether a variable of the store belongs to the model rather than to its training.
// It is the opposite of IsState, but it also knows the variables that a network of gsm's has in a
// scope that GoMLX uses for training, such as metrics.
func InModel(store *model.Store, v *model.Variable) bool {
	if !IsState(v) {
		return true
	}
	record, err := readNetworks(store)
	return err == nil && hasMomentum(store, v, append(record.names(), defaultName))
}

// network returns the variables that this optimizer prunes: those in its record or, if it has not
// trained yet or only an earlier version has, those that its Config picks.
func (o *Optimizer) network(store *model.Store) ([]*model.Variable, error) {
	found, known, err := prunedBy(store, o.name())
	if known || err != nil {
		return found, err
	}
	record, err := readNetworks(store)
	if err != nil {
		return nil, err
	}
	if len(record) > 0 {
		return nil, fmt.Errorf("gsm: no optimizer named %q has trained in the store, only %q: cut with an optimizer of that Config.Name", o.name(), record.names())
	}
	return accepted(store, o.config.Prunable, []string{o.name()}), nil
}

// one returns the name of the only optimizer that has trained in the store.
func one(store *model.Store) (string, error) {
	record, err := readNetworks(store)
	if err != nil {
		return "", err
	}
	switch names := record.names(); len(names) {
	case 0:
		return defaultName, nil
	case 1:
		return names[0], nil
	default:
		return "", fmt.Errorf("gsm: the store has the networks of several optimizers, %q: use the methods of one of them", names)
	}
}

// together reports an error unless one optimizer has trained all of the variables, or none has.
func together(store *model.Store, variables []*model.Variable) error {
	record, err := readNetworks(store)
	if err != nil || len(record) < 2 {
		return err
	}
	for _, name := range record.names() {
		if !slices.ContainsFunc(variables, func(v *model.Variable) bool { return !hasMomentum(store, v, []string{name}) }) {
			return nil
		}
	}
	return fmt.Errorf("gsm: the store has the networks of several optimizers, %q: cut one with its Optimizer.Cut, or pick its variables with a predicate", record.names())
}
