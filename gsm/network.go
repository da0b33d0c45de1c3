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

// This file is the store's record of what each optimizer has pruned together: the variables that
// were trainable, in use by its training graph and accepted by its predicate. Counting, cutting and
// masks go by the record and not by the whole store, in which there may be variables that no graph
// uses, the network of another optimizer, or features that were frozen in training and are not in a
// checkpoint that was loaded at once.

// networksPath holds the record of all optimizers of a store as JSON, from names to paths. It is a
// variable, so that checkpoints hold it, and lies at the root, as GoMLX's step and random state do.
const networksPath = "/gsm_networks"

// networks are the pruned variables, by path, of each optimizer that has trained in a store, by its
// name (see Config.Name).
type networks map[string][]string

// readNetworks returns the record of a store, which is empty where there is none.
func readNetworks(store *model.Store) (networks, error) {
	v := store.GetVariable(networksPath)
	if v == nil || !v.HasValue() {
		return networks{}, nil
	}
	v.SetTrainable(false) // a checkpoint that was loaded at once does not know
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

// write puts the record into a store, or deletes it where it is empty.
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

// note records which variables this graph prunes together. A network may shrink and grow, as parts
// of it are frozen and freed. Another network in the state of this one would share its threshold,
// its schedule and its cut, so it is an error.
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

// abandons reports whether a path that is not pruned any more is of a variable that this graph does
// not use, though it is trainable: of another network, then, and not a frozen part of this one.
func (o *Optimizer) abandons(store *model.Store, g *graph.Graph, lost []string) bool {
	for _, path := range lost {
		if v := store.GetVariable(path); v != nil && v.Trainable && !v.InUseByGraph(g) {
			return true
		}
	}
	return false
}

// without returns what of a is not in b.
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

// quoted names the first of some paths.
func quoted(paths []string) string {
	if len(paths) > 1 {
		return fmt.Sprintf("%q and %d more", paths[0], len(paths)-1)
	}
	return fmt.Sprintf("%q", paths[0])
}

// prunedBy returns the variables that an optimizer has pruned together, sorted by path. known is
// false where the store has no record, as before the first step and in checkpoints of earlier
// versions.
func prunedBy(store *model.Store, name string) (found []*model.Variable, known bool, err error) {
	record, err := readNetworks(store)
	if err != nil {
		return nil, false, err
	}
	paths, known := record[name]
	for _, path := range paths {
		v := store.GetVariable(path)
		if v == nil {
			return nil, false, fmt.Errorf("gsm: %q was pruned and is not in the store any more: go back to a checkpoint that has it, or call Clear", path)
		}
		found = append(found, v)
	}
	slices.SortFunc(found, byPath)
	return found, known, nil
}

// InModel reports whether a variable of the store belongs to the model rather than to its training.
// It is IsState the other way round, but knows also the variables that a network of gsm's has in a
// scope that GoMLX uses for training, such as metrics.
func InModel(store *model.Store, v *model.Variable) bool {
	if !IsState(v) {
		return true
	}
	record, err := readNetworks(store)
	return err == nil && hasMomentum(store, v, append(record.names(), defaultName))
}

// network returns the variables that this optimizer prunes: those that it has pruned, else, where
// it has not trained yet or an earlier version has, those that its Config picks.
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
		return nil, fmt.Errorf("gsm: no optimizer named %q has trained in the store, but %q: cut with an optimizer of that Config.Name", o.name(), record.names())
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
	return fmt.Errorf("gsm: the store has the networks of several optimizers, %q: cut one by its Optimizer.Cut, or pick its variables by a predicate", record.names())
}
