// What is a kernel, what is training state, and which variables of a store are pruned.

package gsm

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// IsKernel accepts the kernels of layers: trainable variables of rank 2 or more that hold one
// weight for each connection of an input to an output. These are the kernels of dense layers,
// whatever number of axes their input or output has, of convolutions in one, two or three
// dimensions, of attention, of recurrent layers and of KANs (first and last layers and 1x1
// shortcuts included, as in the paper).
//
// What has more than one axis and is no kernel it knows by the name: biases, the parameters of
// norms and of activations, and tables of embeddings, see dense. docs/models.md lists GoMLX's
// layers.
func IsKernel(v *model.Variable) bool {
	return v.Trainable && v.Shape().Rank() >= 2 && dense(v.Name()) == ""
}

// denseWords are words in the names of variables that are no kernels, and what such variables are.
//
// A table of embeddings is left out because a step sees only some of its rows: the others have no
// gradient, so they score zero, and would decay however much the model needs them.
var denseWords = map[string]string{
	"bias": "biases", "biases": "biases",
	"gain": "norms", "gains": "norms", "offset": "norms", "offsets": "norms", "scale": "norms", "scales": "norms", "scaler": "norms",
	"gamma": "norms", "beta": "norms", "mean": "norms", "variance": "norms", "avg": "norms",
	"alpha": "activations", "coeffs": "activations", "coefficients": "activations", "keypoints": "activations", "split": "activations",
	"peephole":  "peepholes",
	"embedding": "embeddings", "embeddings": "embeddings",
}

// dense returns what a variable is by the words of its name, where that is no kernel, else "".
// Words end at "_", at digits and where a capital letter follows a small one.
func dense(name string) string {
	for _, word := range strings.FieldsFunc(nameBreaks.ReplaceAllString(name, "${1}_${2}"), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if kind := denseWords[strings.ToLower(word)]; kind != "" {
			return kind
		}
	}
	return ""
}

var nameBreaks = regexp.MustCompile(`(\p{Ll})(\p{Lu})`)

// IsState reports whether a variable belongs to training rather than to the model: the state of
// GoMLX's optimizers and of this one, accumulated gradients, metrics, the steps and the state of
// random numbers. It goes by the path, since a checkpoint loaded at once marks all that it holds as
// trainable. Where a model has layers in a scope named metrics or trainer, it takes those for the
// model's that are named as GoMLX's layers name them; InModel knows more.
func IsState(v *model.Variable) bool {
	for _, scope := range []string{"/" + optimizer.Scope, "/" + optimizer.AdamDefaultScope, "/" + train.AccumulatedGradientsScope} {
		if strings.HasPrefix(v.Path(), scope+"/") {
			return true
		}
	}
	for _, scope := range []string{"/" + metric.Scope, train.TrainerAbsoluteScope} {
		if strings.HasPrefix(v.Path(), scope+"/") {
			return v.Shape().Rank() == 0 || !layerNames[v.Name()] // GoMLX keeps scalars there
		}
	}
	return v.Path() == "/"+optimizer.GlobalStepVariableName || v.Path() == "/"+model.RNGStateVariableName || v.Path() == networksPath
}

// layerNames are the names that GoMLX's usual layers give to their variables.
var layerNames = map[string]bool{
	"weights": true, "biases": true, "embeddings": true, "weights_qkv": true, "biases_q": true, "biases_k": true, "biases_v": true,
	"gain": true, "offset": true, "scale": true, "mean": true, "variance": true, "avg_weight": true,
	"inputsW": true, "recurrentW": true, "biasesW": true, "peepholeW": true,
}

// Prunable lists the variables of the store that are pruned, sorted by path, which is the order of
// layers wherever this package speaks of them: that of their creation is another one where a
// checkpoint made them.
//
// In a store in which an optimizer of this package has trained, also one from a checkpoint, these
// are the variables that it trained, as its training graph used them: with a nil predicate those
// that it pruned together, else those that the predicate accepts. A variable that no graph uses,
// that was frozen or that others trained is not among them.
//
// Before the first step they are the trainable variables of the model (see InModel) that the
// predicate, or IsKernel if it is nil, accepts. A variable that a checkpoint holds is then in the
// list only once the model has asked for it or checkpoint's Immediate is set.
func Prunable(store *model.Store, predicate func(*model.Variable) bool) []*model.Variable {
	found, _ := prunable(store, predicate)
	return found
}

// prunable is Prunable with the reason for which a record of the store can not be read; the list is
// then empty.
func prunable(store *model.Store, predicate func(*model.Variable) bool) ([]*model.Variable, error) {
	record, err := readNetworks(store)
	if err != nil {
		return nil, err
	}
	names := record.names()
	if predicate == nil && len(names) > 0 {
		var all []*model.Variable
		for _, name := range names {
			found, _, err := prunedBy(store, name)
			if err != nil {
				return nil, err
			}
			all = append(all, without(found, all)...)
		}
		slices.SortFunc(all, byPath)
		return all, nil
	}
	if len(names) == 0 {
		names = []string{defaultName} // of an earlier version, which kept no record
	}
	return accepted(store, predicate, names), nil
}

// accepted lists the variables that the predicate, or IsKernel, accepts among those that the
// optimizers of the given names have trained, or among the trainable ones of the model if they have
// trained none.
func accepted(store *model.Store, predicate func(*model.Variable) bool, names []string) []*model.Variable {
	if predicate == nil {
		predicate = IsKernel
	}
	hasTrained := func(name string) bool { return store.GetVariable(statePath(name, "schedule", "base")) != nil }
	begun := slices.ContainsFunc(names, hasTrained)
	var found []*model.Variable
	for _, v := range slices.Collect(store.IterVariables()) {
		in := v.Trainable && InModel(store, v)
		if begun {
			in = hasMomentum(store, v, names)
		}
		if in && predicate(v) {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, byPath)
	return found
}

// hasMomentum reports whether an optimizer of one of the names has trained the variable.
func hasMomentum(store *model.Store, v *model.Variable, names []string) bool {
	if strings.HasPrefix(v.Path(), "/"+optimizer.Scope+"/") {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool { return store.GetVariable(momentumPath(name, v)) != nil })
}

// byPath is the order of layers, see Prunable.
func byPath(a, b *model.Variable) int { return cmp.Compare(a.Path(), b.Path()) }

// CountPrunable returns N, the number of weights in Prunable(store, predicate).
func CountPrunable(store *model.Store, predicate func(*model.Variable) bool) int {
	return count(Prunable(store, predicate))
}

// count is the number of weights of some variables.
func count(variables []*model.Variable) int {
	n := 0
	for _, v := range variables {
		n += v.Shape().Size()
	}
	return n
}
