;;; Runs conformance.json: for every row a fresh set of handles, one call, and what must come of it.
;;; Nothing here knows abio but for how a driver is waited on and ended; the file says the rest.

(define-module (abio manifest)
  #:use-module (abio)
  #:use-module (check)
  #:use-module (ice-9 match)
  #:use-module (ice-9 textual-ports)
  #:use-module (ice-9 threads)
  #:use-module (rnrs bytevectors)
  #:use-module (srfi srfi-1)
  #:use-module (srfi srfi-11)
  #:use-module (system foreign)
  #:export (run-manifest))

;; Of the row that is run: handles by name, memory that was given a name, and all memory.  The rows
;; of a child come first: fork wants to be alone, and threads may still be ending after a join.
(define kept #f)
(define named #f)
(define memory #f)
(define manifest #f)

(define (list-ref* object key)
  (vector->list (or (ref object key) #())))

(define (call function arguments)
  (apply abio (string->symbol (substring function (string-length "abio_")))
         (map (lambda (type argument)
                (if (and (string=? type "ptr") (eqv? argument 0)) #f argument))
              (list-ref* (ref manifest "functions" function) "types")
              arguments)))

(define (run-manifest path)
  "Runs the rows and gives what is to be said of it."
  (define before (failures))
  (set! manifest (read-json path))
  (let-values (((forking others)
                (partition (lambda (row) (string=? (ref row "where") "child"))
                           (list-ref* manifest "rows"))))
    (for-each run-row forking)
    (for-each run-row others)
    (format #f "~a rows run, ~a failed" (+ (length forking) (length others))
            (- (failures) before))))

(define (run-row row)
  (set! kept (make-hash-table))
  (set! named (make-hash-table))
  (set! memory '())
  (for-each make (list-ref* row "needs"))
  (let* ((function (ref row "function"))
         (spec (list-ref* row "arguments"))
         (arguments (map argument spec))
         (play (lambda () (judge row (call function arguments))))
         (verdict (match (ref row "where")
                    ("thread" (join-thread (call-with-new-thread play)))
                    ("child" (in-child play))
                    (_ (play)))))
    (check-equal (string-append function " " (ref row "case")) (car verdict) (cdr verdict))
    (for-each keep spec arguments)
    (end)))

(define (judge row answer)
  "What was expected, and what came."
  (define text (ref row "text"))
  (define head (ref row "head"))
  (cond ((ref row "null") (cons #t (null-pointer? answer)))
        (text (cons text (pointer->string answer)))
        (head
         (let ((bytes (pointer->bytevector answer 16)))
           (cons (list (ref head "size") (ref head "trait"))
                 (list (min (ref head "size") (word bytes 0)) (word bytes 8)))))
        ((ref row "refused") (cons (ref row "code") answer))
        (else (cons 'another-code (if (= answer (ref row "code")) answer 'another-code)))))

(define (in-child play)
  "The child says through a pipe what came, and leaves without running what is the parent's."
  (match (pipe)
    ((from . to)
     (match (primitive-fork)
       (0
        (write (play) to)
        (force-output to)
        (primitive-_exit 0))
       (child
        (close-port to)
        (let ((said (get-string-all from)))
          (close-port from)
          (waitpid child)
          (if (string-null? said)
              (cons 'an-answer 'a-dead-child)
              (call-with-input-string said read))))))))

;;; Handles and arguments.

(define (make name)
  (unless (hash-ref kept name)
    (let ((recipe (ref manifest "recipes" name)))
      (for-each make (list-ref* recipe "needs"))
      (for-each (lambda (step) (take-step name step)) (list-ref* recipe "steps")))))

(define (take-step name step)
  (if (ref step "finish")
      (let ((handle (finish (hash-ref kept (ref step "finish")) (ref step "token"))))
        (when (ref step "as")
          (hash-set! kept (ref step "as") handle)))
      (let* ((spec (list-ref* step "arguments"))
             (arguments (map argument spec)))
        (check (string-append name ": " (ref step "call"))
               (call (ref step "call") arguments))
        (for-each keep spec arguments))))

(define (finish driver token)
  "Waits for the terminal event of TOKEN and gives its handle."
  (let* ((event (make-struct 'event))
         (count (abio 'driver_wait driver event (bytevector-length event) 1 -1)))
    (when (zero? (check 'driver_wait count))
      (error "the driver has no event of the token" token))
    (if (and (= (field-ref 'event event 'token) token)
             (not (logtest (field-ref 'event event 'flags) (constant 'ABIO_EVENT_MORE))))
        (begin
          (check 'finish (field-ref 'event event 'result))
          (field-ref 'event event 'handle))
        (finish driver token))))

(define (argument spec)
  (cond ((string? spec) (hash-ref kept spec))
        ((number? spec) spec)
        ((ref spec "inside")
         (bytevector->pointer (hash-ref named (ref spec "inside")) (ref spec "offset")))
        (else (make-memory spec))))

(define (make-memory spec)
  (let ((bytes (make-bytevector (ref spec "memory") 0)))
    (set! memory (cons bytes memory))
    (for-each (match-lambda (#(offset value) (bytevector-u32-native-set! bytes offset value)))
              (list-ref* spec "u32"))
    (for-each (match-lambda
                (#(offset text)
                 (bytevector-copy! (string->utf8 text) 0 bytes offset (string-length text))))
              (list-ref* spec "text"))
    ;; An address inside of other memory keeps nothing alive: that is what `memory` is for.
    (for-each (match-lambda
                (#(offset inner)
                 (bytevector-u64-native-set!
                  bytes offset (pointer-address (bytevector->pointer (make-memory inner))))))
              (list-ref* spec "points"))
    (when (ref spec "as")
      (hash-set! named (ref spec "as") bytes))
    bytes))

(define (keep spec argument)
  (when (and (list? spec) (ref spec "keep"))
    (hash-set! kept (ref spec "keep") (bytevector-u64-native-ref argument 0))))

(define (end)
  "Drivers first: what they hold ends with them, and then the memory may go."
  (define event (make-struct 'event))
  (define (each-kept kind procedure)
    (hash-for-each (lambda (name handle)
                     (when (string=? (ref manifest "kinds" name) kind)
                       (procedure handle)))
                   kept))
  (define (release-by name)
    (lambda (handle)
      (let loop ((left 8))
        (when (and (positive? left) (>= (abio name handle) 0))
          (loop (1- left))))))
  (each-kept "driver"
             (lambda (driver)
               (abio 'driver_shutdown driver)
               (let close ()
                 (when (= (abio 'driver_close driver) (constant 'ABIO_E_BUSY))
                   (abio 'driver_wait driver event (bytevector-length event) 1 -1)
                   (close)))))
  (each-kept "io" (release-by 'release))
  (each-kept "buffer" (release-by 'buffer_release)))
