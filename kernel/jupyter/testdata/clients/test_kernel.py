"""jupyter_kernel_test, with an attribute for each of its tests."""

import time

import jupyter_kernel_test as jkt


class Kernel(jkt.KernelTests):
    kernel_name = "gsmlab"
    language_name = "go"
    file_extension = ".go"

    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "oops")'
    completion_samples = [
        {"text": "fmt.Prin", "matches": {"Print", "Printf", "Println"}},
        {"text": "x := strings.HasSuf", "matches": {"HasSuffix"}},
        {"text": "%hel", "matches": {"%help"}},
    ]
    complete_code_samples = ["1 + 1", "x := 1\ny := 2", "func f() {\n}", "%who"]
    incomplete_code_samples = ["for {", "1 +", "x := `a", "func f() {\n\tg(1,"]
    invalid_code_samples = ["x := )", "1 2", "func { }"]
    code_page_something = "%help"
    code_generate_error = "undefinedName"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"a" + "b"', "result": '"ab"'},
        {"code": "[]int{1, 2, 3}", "result": "[1 2 3]"},
    ]
    code_display_data = [
        {"code": 'gonbui.DisplayHTML("<b>bold</b>")', "mime": "text/html"},
        {"code": "gonbui.DisplayImage(image.NewGray(image.Rect(0, 0, 3, 2)))", "mime": "image/png"},
        {"code": 'gonbui.DisplayMarkdown("$x^2$")', "mime": "text/markdown"},
    ]
    code_clear_output = 'fmt.Println("gone")\ndisplay.Clear(true)'
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "6 ?*7"
    code_inspect_sample = "fmt.Println"


class Welcome(jkt.IopubWelcomeTests):
    kernel_name = "gsmlab"
    support_iopub_welcome = True

    @classmethod
    def tearDownClass(cls):
        # jupyter_client's heartbeat goes on for ever where it is told to stop before it has begun.
        while not cls.kc.hb_channel._running:
            time.sleep(0.01)
        super().tearDownClass()


del jkt.IopubWelcomeTests
