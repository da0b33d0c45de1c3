"""The debugger, as JupyterLab's debugger service speaks with it (JEP 47), through jupyter_client."""

import time
import unittest

from jupyter_client import BlockingKernelClient

from support import PATIENCE, KernelCase, text

SUM = """func sum(n int) int {
	total := 0
	for i := range n {
		total += i
	}
	return total
}"""


def murmur2(code, seed):
    """MurmurHash2 as ipykernel computes it (compiler.py), to name a cell by its code."""
    m, data = 0x5BD1E995, code.encode("utf8")
    h = seed ^ len(data)
    end = len(data) & 0xFFFFFFFC
    for i in range(0, end, 4):
        k = data[i] | data[i + 1] << 8 | data[i + 2] << 16 | data[i + 3] << 24
        k = (k * m) & 0xFFFFFFFF
        k ^= k >> 24
        k = (k * m) & 0xFFFFFFFF
        h = ((h * m) & 0xFFFFFFFF) ^ k
    val = len(data) & 3
    k = 0
    if val == 3:
        k = data[end + 2] << 16
    if val >= 2:
        k |= data[end + 1] << 8
    if val >= 1:
        k |= data[end]
        h = ((h ^ k) * m) & 0xFFFFFFFF
    h ^= h >> 13
    h = (h * m) & 0xFFFFFFFF
    return h ^ (h >> 15)


class Debugger(KernelCase):
    def setUp(self):
        super().setUp()
        self.seq = 0
        while self.kc.control_channel.msg_ready():
            self.kc.control_channel.get_msg(timeout=1)
        self.events = []
        self.published = []
        self.run_cell("%reset")

    def tearDown(self):
        self.request("disconnect", {"restart": False, "terminateDebuggee": True})

    def request(self, command, arguments=None, ok=True, client=None):
        client = client or self.kc
        self.seq += 1
        msg = client.session.msg("debug_request", {"type": "request", "seq": self.seq, "command": command, "arguments": arguments or {}})
        client.control_channel.send(msg)
        while True:
            reply = client.control_channel.get_msg(timeout=PATIENCE)
            if reply["parent_header"]["msg_id"] == msg["header"]["msg_id"]:
                break
        content = reply["content"]
        self.assertEqual((reply["msg_type"], content["type"], content["command"], content["request_seq"]), ("debug_reply", "response", command, self.seq))
        self.assertEqual(content["success"], ok, content)
        return content["body"] if ok else content["message"]

    def start(self):
        """What JupyterLab does when its bug is clicked."""
        filters = self.request("initialize", {"clientID": "jupyterlab", "adapterID": "gsmlab", "pathFormat": "path", "linesStartAt1": True})["exceptionBreakpointFilters"]
        self.assertEqual([f["filter"] for f in filters], ["panic"])
        self.request("attach")
        info = self.request("debugInfo")
        self.assertEqual((info["isStarted"], info["hashMethod"], info["richRendering"], info["copyToGlobals"]), (True, "Murmur2", True, True))
        self.info = info

    def set_breakpoints(self, code, *breakpoints):
        path = self.request("dumpCell", {"code": code})["sourcePath"]
        self.assertEqual(path, self.info["tmpFilePrefix"] + str(murmur2(code, self.info["hashSeed"])) + self.info["tmpFileSuffix"])
        breakpoints = [b if isinstance(b, dict) else {"line": b} for b in breakpoints]
        found = self.request("setBreakpoints", {"breakpoints": breakpoints, "source": {"path": path}, "sourceModified": False})["breakpoints"]
        self.request("configurationDone")
        return path, found

    def event(self, name):
        """The next event of that name; what is published besides is kept in order."""
        while True:
            msg = self.kc.iopub_channel.get_msg(timeout=PATIENCE)
            if msg["msg_type"] == "debug_event" and msg["content"]["event"] == name:
                return msg["content"]["body"]
            self.published.append(msg)

    def frames(self, stopped):
        return self.request("stackTrace", {"threadId": stopped["threadId"]})["stackFrames"]

    def scopes(self, frame):
        """The variables of a frame by scope and name."""
        found = {}
        for scope in self.request("scopes", {"frameId": frame["id"]})["scopes"]:
            variables = self.request("variables", {"variablesReference": scope["variablesReference"]})["variables"]
            found[scope["name"]] = {v["name"]: v for v in variables}
            found[scope["name"] + " reference"] = scope["variablesReference"]
        return found

    def ended(self, msg_id):
        content = self.reply(msg_id)["content"]
        shown = self.published + self.outputs(msg_id)
        return content, text([m for m in shown if m["parent_header"].get("msg_id") == msg_id])

    def test_kernel_says_that_it_has_a_debugger(self):
        info = self.reply(self.kc.kernel_info())["content"]
        self.assertEqual((info["debugger"], info["supported_features"]), (True, ["debugger"]))
        self.assertIs(self.km.kernel_spec.metadata["debugger"], True)

    def test_stop_look_step_change_continue(self):
        self.start()
        path, found = self.set_breakpoints(SUM, 4, 99)
        self.assertEqual([(b["verified"], b["line"]) for b in found], [(True, 4), (False, 99)])
        self.assertEqual(self.run_cell(SUM)[0]["status"], "ok")
        main = "x := 5\nfmt.Println(sum(3) + x)"
        msg_id = self.kc.execute(main)
        stopped = self.event("stopped")
        self.assertEqual((stopped["reason"], stopped["allThreadsStopped"], stopped["hitBreakpointIds"]), ("breakpoint", False, [found[0]["id"]]))
        frames = self.frames(stopped)
        main_path = self.info["tmpFilePrefix"] + str(murmur2(main, self.info["hashSeed"])) + self.info["tmpFileSuffix"]
        self.assertEqual([(f["name"], f["line"], f["source"]["path"]) for f in frames], [("sum", 4, path), (frames[1]["name"], 2, main_path)])
        self.assertIn(stopped["threadId"], [t["id"] for t in self.request("threads")["threads"]])
        self.assertEqual(self.request("source", {"source": {"path": path}, "sourceReference": 0})["content"], SUM)
        self.assertIn(path, [m["path"] for m in self.request("modules")["modules"]])
        seen = self.scopes(frames[0])
        self.assertEqual({n: v["value"] for n, v in seen["Locals"].items()}, {"i": "0", "n": "3", "total": "0"})
        self.assertEqual(seen["Globals"]["x"]["value"], "5")
        self.assertEqual(self.request("evaluate", {"expression": "n * 2 + x", "frameId": frames[0]["id"], "context": "hover"})["result"], "11")
        self.assertIn("undefined: nix", self.request("evaluate", {"expression": "nix", "frameId": frames[0]["id"]}, ok=False))
        self.assertEqual(self.request("setVariable", {"variablesReference": seen["Locals reference"], "name": "total", "value": "100"})["value"], "100")
        self.assertIn("string", self.request("setVariable", {"variablesReference": seen["Locals reference"], "name": "total", "value": '"a"'}, ok=False))
        self.assertEqual(self.request("richInspectVariables", {"variableName": "total", "frameId": frames[0]["id"]})["data"]["text/plain"], "100")
        self.request("copyToGlobals", {"srcVariableName": "total", "dstVariableName": "kept", "srcFrameId": frames[0]["id"]})

        self.request("next", {"threadId": stopped["threadId"]})
        stopped = self.event("stopped")
        frames = self.frames(stopped)
        self.assertEqual((frames[0]["line"], self.scopes(frames[0])["Locals"]["i"]["value"]), (4, "1"))
        self.set_breakpoints(SUM)
        self.request("stepOut", {"threadId": stopped["threadId"]})
        content, shown = self.ended(msg_id)  # the call was in the last statement
        self.assertEqual((content["status"], shown), ("ok", "108\n"))
        self.assertEqual(self.value("kept"), "100")
        self.request("continue", {"threadId": stopped["threadId"]}, ok=False)

    def test_step_in_and_over(self):
        self.start()
        self.run_cell(SUM)
        main = "a := 2\nb := sum(a)\nfmt.Println(a + b)"
        self.set_breakpoints(main, 1)
        msg_id = self.kc.execute(main)
        at = lambda stopped: [(f["name"].split()[0], f["line"]) for f in self.frames(stopped)]
        stopped = self.event("stopped")
        thread = {"threadId": stopped["threadId"]}
        self.assertEqual(at(stopped), [("cell", 1)])
        self.request("next", thread)
        stopped = self.event("stopped")
        self.assertEqual((stopped["reason"], at(stopped)), ("step", [("cell", 2)]))
        self.request("stepIn", thread)
        self.assertEqual(at(self.event("stopped")), [("sum", 2), ("cell", 2)])
        self.request("stepOut", thread)
        self.assertEqual(at(self.event("stopped")), [("cell", 3)])
        self.request("continue", {"threadId": 1})  # as JupyterLab asks where it knows no thread
        self.assertEqual(self.ended(msg_id)[1], "3\n")

    def test_conditions_hits_and_logs(self):
        self.start()
        self.set_breakpoints(SUM, {"line": 4, "condition": "i == 2"}, {"line": 4, "logMessage": "i={i}"}, {"line": 6, "hitCondition": "2"})
        self.run_cell(SUM)
        msg_id = self.kc.execute("fmt.Println(sum(4), sum(1))")
        stopped = self.event("stopped")
        self.assertEqual(self.scopes(self.frames(stopped)[0])["Locals"]["i"]["value"], "2")
        self.request("continue", {"threadId": stopped["threadId"]})
        stopped = self.event("stopped")
        self.assertEqual(self.frames(stopped)[0]["line"], 6)
        self.assertEqual(self.scopes(self.frames(stopped)[0])["Locals"]["n"]["value"], "1")
        self.request("continue", {"threadId": stopped["threadId"]})
        self.assertEqual(self.ended(msg_id)[1], "i=0\ni=1\ni=2\ni=3\ni=0\n6 0\n")
        _, found = self.set_breakpoints(SUM, {"line": 4, "condition": "i =="}, {"line": 4, "hitCondition": "often"})
        self.assertEqual([b["verified"] for b in found], [False, False])

    def test_variables_without_a_stop(self):
        self.run_cell("type pair struct{ a int; b []string }\np := pair{1, []string{\"x\", \"y\"}}\nlong := make([]int, 500)")
        for attached in (False, True):
            if attached:
                self.start()
            seen = {v["name"]: v for v in self.request("inspectVariables")["variables"]}
            self.assertEqual((seen["p"]["value"], seen["p"]["type"]), ("{a:1 b:[x y]}", "main.pair"))
            kids = self.request("variables", {"variablesReference": seen["p"]["variablesReference"]})["variables"]
            self.assertEqual([(v["name"], v["value"]) for v in kids], [("a", "1"), ("b", '["x" "y"]')])
            kids = self.request("variables", {"variablesReference": kids[1]["variablesReference"]})["variables"]
            self.assertEqual([(v["name"], v["value"]) for v in kids], [("0", '"x"'), ("1", '"y"')])
            kids = self.request("variables", {"variablesReference": seen["long"]["variablesReference"]})["variables"]
            self.assertEqual((len(kids), kids[-1]["value"], seen["long"]["indexedVariables"]), (101, "400 more", 500))
            part = self.request("variables", {"variablesReference": seen["long"]["variablesReference"], "start": 499, "count": 5})["variables"]
            self.assertEqual([v["name"] for v in part], ["499"])
            rich = self.request("richInspectVariables", {"variableName": "p"})
            self.assertEqual(rich["data"]["text/plain"], "{a:1 b:[x y]}")
        self.assertIn("undefined", self.request("richInspectVariables", {"variableName": "nix"}, ok=False))
        self.assertEqual(self.request("debugInfo")["stoppedThreads"], [])

    def test_panics(self):
        self.start()
        self.run_cell("func div(a, b int) int {\n\treturn a / b\n}")
        self.request("setExceptionBreakpoints", {"filters": ["panic"]})
        msg_id = self.kc.execute("div(1, 0)")
        stopped = self.event("stopped")
        self.assertEqual((stopped["reason"], stopped["text"]), ("exception", "runtime error: integer divide by zero"))
        info = self.request("exceptionInfo", {"threadId": stopped["threadId"]})
        self.assertEqual(info["description"], "runtime error: integer divide by zero")
        self.assertEqual(self.scopes(self.frames(stopped)[0])["Locals"]["b"]["value"], "0")
        self.request("continue", {"threadId": stopped["threadId"]})
        self.assertEqual(self.reply(msg_id)["content"]["ename"], "Panic")

    def test_pause_and_interrupt(self):
        self.start()
        msg_id = self.kc.execute("n := 0\nfor {\n\tn++\n}")
        while not self.request("threads")["threads"]:
            time.sleep(0.05)
        self.request("pause", {"threadId": 1})
        stopped = self.event("stopped")
        self.assertEqual(stopped["reason"], "pause")
        self.km.interrupt_kernel()
        self.assertEqual(self.reply(msg_id)["content"]["status"], "error")
        self.assertEqual(self.request("debugInfo")["stoppedThreads"], [])
        self.assertEqual(self.value("n > 0"), "true")

    def test_restart_while_stopped(self):
        self.start()
        self.set_breakpoints("a := 1\na++", 2)
        self.kc.execute("a := 1\na++")
        self.event("stopped")
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=PATIENCE)
        msg_id = self.kc.execute("1 + 1")
        while True:
            reply = self.kc.shell_channel.get_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == msg_id:
                break
        self.assertEqual(reply["content"]["status"], "ok")
        self.assertFalse(self.request("debugInfo")["isStarted"])

    def test_crash_while_stopped(self):
        self.start()
        self.set_breakpoints("a := 1\na++", 2)
        msg_id = self.kc.execute("import \"syscall\"\ngo func() {\n\ttime.Sleep(time.Second)\n\tsyscall.Kill(syscall.Getpid(), syscall.SIGKILL)\n}()")
        self.reply(msg_id)
        msg_id = self.kc.execute("a := 1\na++")
        self.event("stopped")
        content = self.reply(msg_id)["content"]
        self.assertEqual(content["ename"], "WorkerEnded")
        self.assertEqual(self.request("debugInfo")["stoppedThreads"], [])

    def test_a_second_client_while_stopped(self):
        self.start()
        self.set_breakpoints("a := 1\na++", 2)
        msg_id = self.kc.execute("a := 1\na++")
        stopped = self.event("stopped")
        other = BlockingKernelClient(connection_file=self.km.connection_file)
        other.load_connection_file()
        other.start_channels()
        try:
            other.wait_for_ready(timeout=PATIENCE)
            self.assertTrue(other.is_alive())
            info = self.request("debugInfo", client=other)
            self.assertEqual((info["isStarted"], info["stoppedThreads"]), (True, [stopped["threadId"]]))
            frames = self.request("stackTrace", {"threadId": stopped["threadId"]}, client=other)["stackFrames"]
            self.assertEqual(frames[0]["line"], 2)
            waiting = other.execute("a")  # runs after the stopped cell
            self.request("continue", {"threadId": stopped["threadId"]}, client=other)
            self.reply(msg_id)
            while True:
                reply = other.shell_channel.get_msg(timeout=PATIENCE)
                if reply["parent_header"]["msg_id"] == waiting:
                    break
            self.assertEqual(reply["content"]["status"], "ok")
        finally:
            other.stop_channels()

    def test_a_client_that_disconnects_lets_it_run_on(self):
        self.start()
        self.set_breakpoints("a := 1\na++", 2)
        msg_id = self.kc.execute("a := 1\na++\nfmt.Println(a)")
        # other text, other cell: it does not stop
        self.assertEqual(self.ended(msg_id)[1], "2\n")
        self.published = []
        msg_id = self.kc.execute("a := 1\na++")
        self.event("stopped")
        self.request("disconnect", {})
        self.assertEqual(self.reply(msg_id)["content"]["status"], "ok")
        self.assertEqual(self.value("a"), "2")

    def test_a_client_that_is_gone_lets_it_run_on(self):
        other = BlockingKernelClient(connection_file=self.km.connection_file)
        other.load_connection_file()
        other.start_channels()
        other.wait_for_ready(timeout=PATIENCE)
        code = "for i := range 3 {\n\tfmt.Println(i)\n}"
        self.request("attach", client=other)
        path = self.request("dumpCell", {"code": code}, client=other)["sourcePath"]
        self.request("setBreakpoints", {"breakpoints": [{"line": 2}], "source": {"path": path}}, client=other)
        msg_id = self.kc.execute(code)
        self.event("stopped")
        other.stop_channels()
        content, shown = self.ended(msg_id)
        self.assertEqual((content["status"], shown), ("ok", "0\n1\n2\n"))


if __name__ == "__main__":
    unittest.main()
