package notebook

import "strings"

// pairs reads "name sign name sign ...".
func pairs(text string) map[string]string {
	m := map[string]string{}
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i += 2 {
		m[words[i]] = words[i+1]
	}
	return m
}

func set(text string) map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(text) {
		m[word] = true
	}
	return m
}

var (
	symbols = pairs(`alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ nu ν xi ξ
		pi π rho ρ sigma σ tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ Omega Ω
		infty ∞ partial ∂ nabla ∇ ell ℓ hbar ℏ emptyset ∅ varnothing ∅ forall ∀ exists ∃ top ⊤ bot ⊥ Re ℜ Im ℑ ldots … dots … cdots ⋯ vdots ⋮ ddots ⋱ prime ′`)
	operators = pairs(`cdot ⋅ times × div ÷ pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet ∙ odot ⊙ oplus ⊕ otimes ⊗ leq ≤ le ≤ geq ≥ ge ≥ ll ≪ gg ≫ neq ≠ ne ≠
		approx ≈ sim ∼ simeq ≃ equiv ≡ propto ∝ in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ supset ⊃ supseteq ⊇ cup ∪ cap ∩ setminus ∖ land ∧ wedge ∧ lor ∨ vee ∨ neg ¬ lnot ¬
		to → rightarrow → leftarrow ← gets ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ implies ⟹ iff ⟺ mapsto ↦ uparrow ↑ downarrow ↓
		sum ∑ prod ∏ int ∫ oint ∮ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ langle ⟨ rangle ⟩ lVert ‖ rVert ‖ Vert ‖ lvert | rvert | vert | mid ∣
		colon : lbrace { rbrace } backslash \ triangleq ≜ perp ⊥ parallel ∥`)
	spaces    = map[string]string{",": "0.17em", ":": "0.22em", ";": "0.28em", "!": "-0.17em", " ": "0.33em", "quad": "1em", "qquad": "2em"}
	accents   = pairs(`hat ^ widehat ^ bar ¯ overline ¯ tilde ~ widetilde ~ vec → dot ˙ ddot ¨`)
	functions = set(`log ln lg exp sin cos tan cot sinh cosh tanh arcsin arccos arctan deg dim ker`)
	limits    = set(`max min sup inf lim argmax argmin det gcd Pr`)
)

// alphabet maps letters to another mathematical alphabet of Unicode.
func alphabet(name, text string) string {
	if name == "mathit" {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch name {
		case "mathbf", "boldsymbol", "bm":
			return letter(r, 0x1D400, 0x1D41A, 0x1D7CE, 0x1D6C2)
		case "mathbb":
			if special, ok := map[rune]rune{'C': 'ℂ', 'H': 'ℍ', 'N': 'ℕ', 'P': 'ℙ', 'Q': 'ℚ', 'R': 'ℝ', 'Z': 'ℤ'}[r]; ok {
				return special
			}
			return letter(r, 0x1D538, 0x1D552, 0x1D7D8, 0)
		}
		if special, ok := map[rune]rune{'B': 'ℬ', 'E': 'ℰ', 'F': 'ℱ', 'H': 'ℋ', 'I': 'ℐ', 'L': 'ℒ', 'M': 'ℳ', 'R': 'ℛ', 'e': 'ℯ', 'g': 'ℊ', 'o': 'ℴ'}[r]; ok {
			return special
		}
		return letter(r, 0x1D49C, 0x1D4B6, 0, 0)
	}, text)
}

func letter(r, upper, lower, digits, greek rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r - 'A' + upper
	case r >= 'a' && r <= 'z':
		return r - 'a' + lower
	case r >= '0' && r <= '9' && digits != 0:
		return r - '0' + digits
	case r >= 'α' && r <= 'ω' && greek != 0:
		return r - 'α' + greek
	}
	return r
}
