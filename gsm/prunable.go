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
// weight for each connection of an input to an output. These are the kernels of dense layers with
// any number of input or output axes, of convolutions in one, two or three dimensions, of
// attention, of recurrent layers and of KANs. First and last layers and 1x1 shortcuts are included,
// as in the paper.
//
// Other variables with more than one axis it knows by name: biases, the parameters of norms and
// activations, and embedding tables; see dense. docs/models.md lists GoMLX's layers.
func IsKernel(v *model.Variable) bool {
	return v.Trainable && v.Shape().Rank() >= 2 && dense(v.Name()) == ""
}

// denseWords are words in the names of variables that are not kernels, and what such variables are.
//
// An embedding table is left out because a step sees only some of its rows. The other rows have no
// gradient and score zero, so they would decay however much the model needs them.
var denseWords = map[string]string{
	"bias": "biases", "biases": "biases",
	"gain": "norms", "gains": "norms", "offset": "norms", "offsets": "norms", "scale": "norms", "scales": "norms", "scaler": "norms",
	"gamma": "norms", "beta": "norms", "mean": "norms", "variance": "norms", "avg": "norms",
	"alpha": "activations", "coeffs": "activations", "coefficients": "activations", "keypoints": "activations", "split": "activations",
	"peephole":  "peepholes",
	"embedding": "embeddings", "embeddings": "embeddings",
}

// dense returns what a variable is, by the words of its name, or "" if it may be a kernel. A word
// ends at "_", at a digit, and where a capital letter follows a small one.
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
// random numbers. It goes by the path, because a checkpoint loaded at once marks everything in it
// as trainable. In a scope named metrics or trainer it counts a variable as the model's if it has
// the name that a GoMLX layer would give it; InModel knows more.
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

// Prunable lists the variables of the store that are pruned, sorted by path. That is the order of
// layers everywhere in this package. The order of creation would not do: a checkpoint creates
// variables in another order.
//
// If an optimizer of this package has trained in the store, or in the checkpoint it came from,
// these are the variables that it trained, as its training graph used them: with a nil predicate
// those that it pruned together, else those that the predicate accepts. A variable that no graph
// uses, that was frozen or that others trained is not among them.
//
// Before the first step they are the trainable variables of the model (see InModel) that the
// predicate accepts, or IsKernel if it is nil. The list then holds a checkpoint's variable only
// once the model has asked for it, or if the checkpoint's Immediate is set.
func Prunable(store *model.Store, predicate func(*model.Variable) bool) []*model.Variable {
	found, _ := prunable(store, predicate)
	return found
}

// prunable is Prunable, and also returns why a record of the store cannot be read; the list is then
// empty.
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

// accepted lists the variables that the predicate, or IsKernel, accepts among those that the named
// optimizers have trained. If they have trained none, it looks among the trainable variables of the
// model.
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
